import type { KeyRing } from '../keys/key-ring.ts'
import type { SigningKey } from '../keys/signing-key.ts'
import type { KeyKind } from '../keys/types.ts'
import type { AccessToken, AccessTokenPayload, JsonObject } from '../session/types.ts'
import type { Awaitable } from '../stores/store.ts'
import { type ReceivedAccessToken, VerifiedTokens } from './verified-tokens.ts'

export type { ReceivedAccessToken } from './verified-tokens.ts'

/** Browsers cap a cookie at 4 KiB and servers cap headers at 16; ours stay far below. */
const MAX_LENGTH = 8192
/** Claims of the protocol: whatever an app puts under these names is left out of the token. */
const PROTECTED_CLAIMS: ReadonlySet<string> = new Set([
  'sub',
  'iat',
  'exp',
  'sessionHandle',
  'parentRefreshTokenHash1',
  'refreshTokenHash1',
  'antiCsrfToken',
  'rsub',
  'tId',
  'stt'
])

/** What a new access token says, besides the times. */
export interface AccessTokenFacts {
  readonly userId: string
  readonly tenantId: string
  readonly handle: string
  readonly refreshTokenHash: string
  readonly parentRefreshTokenHash: string | null
  readonly antiCsrfToken: string | null
  readonly customClaims: JsonObject
}

export function isProtectedClaim(name: string): boolean {
  return PROTECTED_CLAIMS.has(name)
}

/** What the app put into a payload: everything but the claims of the protocol. */
export function customClaimsOf(payload: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !isProtectedClaim(name)))
}

/** Mints access tokens and verifies them: JWTs (RFC 7519) of version 5, signed by a key ring. */
export class AccessTokens {
  readonly #keyRing: KeyRing
  readonly #keyKind: KeyKind
  readonly #verified: VerifiedTokens

  /**
   * @param options.keyKind - The kind of key whose tokens are taken; the others ask for a refresh.
   * @param options.cacheSize - How many verified tokens are remembered.
   */
  constructor(keyRing: KeyRing, options: { keyKind: KeyKind; cacheSize: number }) {
    this.#keyRing = keyRing
    this.#keyKind = options.keyKind
    this.#verified = new VerifiedTokens(options.cacheSize)
  }

  /** Mints a token that lives until `expiresAt`, in seconds since the epoch. */
  async mint(
    facts: AccessTokenFacts,
    { kind, nowMs, expiresAt }: { kind: KeyKind; nowMs: number; expiresAt: number }
  ): Promise<AccessToken> {
    const key = await this.#keyRing.signingKey(kind, nowMs)
    // Not a literal that begins with a spread: that takes ten times as long, 6 microseconds.
    const payload: AccessTokenPayload = Object.assign(customClaimsOf(facts.customClaims), {
      sub: facts.userId,
      exp: expiresAt,
      iat: Math.floor(nowMs / 1000),
      tId: facts.tenantId,
      rsub: facts.userId,
      sessionHandle: facts.handle,
      refreshTokenHash1: facts.refreshTokenHash,
      parentRefreshTokenHash1: facts.parentRefreshTokenHash,
      antiCsrfToken: facts.antiCsrfToken
    })
    return { text: key.signAccessToken(payload), payload: deepFreeze(payload) }
  }

  /**
   * Takes a string for an access token of ours; `null` for anything else, a foreign JWT included.
   *
   * Does not check the signature nor the time.
   */
  receive(text: string): ReceivedAccessToken | null {
    return this.#verified.find(text) ?? decode(text)
  }

  /**
   * Verifies a token that was received: time, key kind, key, algorithm, signature, in this order.
   *
   * Answers at once, unless its key is unknown here and the store has to be asked.
   *
   * @returns `null` where a check fails. Does not look at claims, anti-CSRF or the store.
   */
  verify(token: ReceivedAccessToken, nowMs: number): Awaitable<AccessToken | null> {
    // Whoever wrote it, it says of itself that it is of no use: nobody need check the signature.
    if (!isInTime(token.payload, nowMs)) return null
    if (token.verifiedBy !== null && token.verifiedBy === this.#keyRing.find(token.kid, nowMs))
      return token
    if (!token.kid.startsWith(this.#keyKind === 'dynamic' ? 'd-' : 's-')) return null
    const key = this.#keyRing.find(token.kid, nowMs)
    if (key !== undefined) return this.#verifyWith(key, token)
    return this.#keyRing
      .findAgain(token.kid, nowMs)
      .then((found) => (found === undefined ? null : this.#verifyWith(found, token)))
  }

  #verifyWith(key: SigningKey, token: ReceivedAccessToken): AccessToken | null {
    if (token.algorithm !== key.algorithm) return null
    // The payload was read from this very text, so it is what was signed.
    if (!key.verifySignature(token.text)) return null
    const { kid, algorithm } = key
    const payload = deepFreeze(token.payload)
    const verified = { text: copyOf(token.text), kid, algorithm, payload, verifiedBy: key }
    this.#verified.add(verified)
    return verified
  }
}

/** V8 keeps all of a header that a string was cut out of, and with it every other cookie. */
function copyOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function decode(text: string): ReceivedAccessToken | null {
  if (text.length > MAX_LENGTH) return null
  const headerEnd = text.indexOf('.')
  const payloadEnd = text.indexOf('.', headerEnd + 1)
  if (headerEnd < 1 || payloadEnd < 0 || text.includes('.', payloadEnd + 1)) return null
  const header = decodeJson(text.slice(0, headerEnd))
  // A JWT without `version` is one that the app signed for another purpose with the same keys.
  if (header === null || header['typ'] !== 'JWT' || header['version'] !== '5') return null
  const { kid, alg } = header
  // RFC 7515 section 4.1.11: `crit` names extensions that have to be understood, and we know none.
  if (typeof kid !== 'string' || header['crit'] !== undefined) return null
  const payload = decodeJson(text.slice(headerEnd + 1, payloadEnd))
  if (!isSessionPayload(payload)) return null
  return { text, kid, algorithm: alg, payload, verifiedBy: null }
}

function decodeJson(segment: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString())
    return typeof value === 'object' ? (value as JsonObject | null) : null
  } catch {
    return null
  }
}

/** The structure of a session's access token of version 5. */
function isSessionPayload(value: unknown): value is AccessTokenPayload {
  if (typeof value !== 'object' || value === null) return false
  const payload = value as JsonObject
  return (
    // 1 and 2 mark OAuth tokens, which the same keys may sign; they are no sessions.
    (payload['stt'] === undefined || payload['stt'] === 0) &&
    isNonEmptyString(payload['sub']) &&
    isNonEmptyString(payload['rsub']) &&
    isNonEmptyString(payload['tId']) &&
    isNonEmptyString(payload['sessionHandle']) &&
    isNonEmptyString(payload['refreshTokenHash1']) &&
    isStringOrNull(payload['parentRefreshTokenHash1']) &&
    isStringOrNull(payload['antiCsrfToken']) &&
    Number.isFinite(payload['exp']) &&
    Number.isFinite(payload['iat'])
  )
}

function isNonEmptyString(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isStringOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string'
}

function isInTime({ exp, nbf }: AccessTokenPayload, nowMs: number): boolean {
  // RFC 7519 section 4.1.4: on or after `exp` the token is not accepted. 4.1.5: not before `nbf`.
  return exp * 1000 > nowMs && (typeof nbf !== 'number' || nbf * 1000 <= nowMs)
}

/** The payload of a token is shared by all requests that carry it; none of them may change it. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
