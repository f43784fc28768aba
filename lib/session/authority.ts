import type { KeyKind, PublicJwk } from '../keys/types.ts'
import type { Awaitable } from '../stores/store.ts'
import type {
  AccessToken,
  IssuedTokens,
  JsonObject,
  SessionDevice,
  SessionInformation
} from './types.ts'

/** What a new session hands out. */
export type FreshTokens = IssuedTokens & {
  readonly refreshToken: NonNullable<IssuedTokens['refreshToken']>
}

export type ConfirmResult =
  /** `reissued`: the token that replaces the confirmed one, where there is news for the client. */
  | { readonly status: 'OK'; readonly reissued: AccessToken | null }
  | { readonly status: 'UNAUTHORISED' }
  | { readonly status: 'TRY_REFRESH_TOKEN' }

export type RefreshResult =
  /** Without a refresh token where the client is to keep the one it has. */
  | { readonly status: 'OK'; readonly tokens: IssuedTokens }
  | { readonly status: 'UNAUTHORISED'; readonly reason: string }
  | { readonly status: 'TOKEN_THEFT_DETECTED'; readonly handle: string; readonly userId: string }

export interface CreateInput {
  readonly userId: string
  readonly tenantId: string
  /** Custom claims, those of the protocol already left out. */
  readonly payload: JsonObject
  readonly sessionData: JsonObject
  readonly device: SessionDevice
  readonly withAntiCsrf: boolean
}

export interface RefreshInput {
  readonly refreshToken: string
  /** Whether the new tokens carry an anti-CSRF token, and whether the old one has to be matched. */
  readonly withAntiCsrf: boolean
  readonly antiCsrfToken: string | undefined
}

/**
 * The operations above storage: what others run a service for.
 *
 * Everything above speaks to sessions through this contract alone, so that an authority which talks
 * to a remote core can take the place of the local one. An operation answers what became of the
 * session; it throws only where the backend is broken.
 */
export interface Authority {
  create(input: CreateInput): Promise<FreshTokens>
  /** The slow path of a verification: for a token that came with a refresh, or on request. */
  confirm(token: AccessToken): Awaitable<ConfirmResult>
  /** Exchanges a refresh token. Theft revokes the session before it is answered. */
  refresh(input: RefreshInput): Promise<RefreshResult>
  /** Changes the custom claims. @returns `false` where the session is gone. */
  updatePayload(handle: string, change: (payload: JsonObject) => JsonObject): Promise<boolean>
  /**
   * Mints an access token anew with the stored claims; expiry, lineage and anti-CSRF token stay.
   * @returns `null` where the session is gone or the token expired meanwhile.
   */
  regenerate(token: AccessToken): Promise<AccessToken | null>
  info(handle: string): Promise<SessionInformation | null>
  /** Replaces the session data. @returns `false` where the session is gone. */
  updateData(handle: string, data: JsonObject): Promise<boolean>
  /** @returns The handles that existed. */
  revoke(handles: readonly string[]): Promise<string[]>
  /** @returns Handles of live sessions, those that end first in front. */
  list(userId: string, tenantId: string | undefined): Promise<string[]>
  /** Signs a JWT that is no access token. `iat`, `exp` and `iss` stand in `payload` already. */
  createJWT(payload: JsonObject, kind: KeyKind): Promise<string>
  keys(): Promise<{ keys: readonly PublicJwk[]; maxAgeSeconds: number }>
}
