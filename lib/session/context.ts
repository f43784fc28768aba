import type { Dbsc } from '../device-binding/dbsc.ts'
import type { DpopProofs } from '../device-binding/dpop.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { Settings } from '../options/resolve.ts'
import type { SessionStore } from '../stores/store.ts'
import type { AccessTokens, AccessTokenVerifier } from '../tokens/access-token.ts'
import type { RefreshTokens } from '../tokens/refresh-token.ts'
import type { SameSiteRule } from '../transport/cookie-format.ts'
import type { TokenReply } from '../transport/token-reply.ts'
import type { Clock } from './clock.ts'
import type { Revocations } from './known-revocations.ts'
import type { SessionRecords } from './records.ts'
import type { RepeatedExchanges } from './repeated-exchanges.ts'
import type { SessionSockets } from './sockets.ts'
import type { Sessions } from './types.ts'

/** What checks an access token, here and in services that only verify. */
export interface VerifyContext {
  readonly settings: Settings
  readonly clock: Clock
  readonly accessTokens: AccessTokenVerifier
  readonly sameSite: SameSiteRule
  readonly revocations: Revocations
  /** `null`: sessions in cookies are not bound to devices. */
  readonly dbsc: Dbsc | null
  /** `null`: sessions in headers are not bound to devices. */
  readonly dpop: DpopProofs | null
}

/** What the flows of one registration share. */
export interface SessionContext extends VerifyContext {
  readonly store: SessionStore
  readonly records: SessionRecords
  readonly keyRing: KeyRing
  readonly accessTokens: AccessTokens
  readonly refreshTokens: RefreshTokens
  readonly tokenReply: TokenReply
  readonly exchanges: RepeatedExchanges
  readonly sockets: SessionSockets
  /** `app.sessions`, the app's overrides included. */
  readonly sessions: Sessions
}
