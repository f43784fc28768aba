import { hash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { createDecoder } from 'fast-jwt'
import { type KeyKind, kindOf, type SigningAlgorithm } from '../keys/algorithms.ts'
import { accessTokenHeader, type VerificationKey } from '../keys/jwt-keys.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { AccessToken, AccessTokenPayload, JsonObject } from '../session/types.ts'
import type { Awaitable } from '../stores/store.ts'
import { VerifiedDigests, VerifiedTokens } from './verified-tokens.ts'

/** Browsers cap a cookie at 4 KiB and servers cap headers at 16; ours stay far below. */
const MAX_LENGTH = 8192
/** How much of the memory for verified tokens is for the digests of those that had to go. */
const DIGESTS_SHARE = 1 / 8
/** The longest times that are written, until the year 2286. */
const MAX_SECONDS = 9_999_999_999
/** With the `kid` of a static key, which is the longer one. */
const MAX_HEADER_BYTES = Buffer.byteLength(
  `{"alg":"RS256","typ":"JWT","kid":"s-${'x'.repeat(36)}","version":"5"}`
)
const SIGNATURE_BYTES: Readonly<Record<SigningAlgorithm, number>> = {
  RS256: 256,
  ES256: 64,
  EdDSA: 64
}
/** What base64url makes of `{`, whatever comes next. */
const OPENING_BRACE = 'e'
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
  'stt',
  'cnf'
])

/** Why a text is no good access token. */
export type TokenRefusal =
  | 'malformed'
  | 'expired'
  | 'not-yet-valid'
  | 'signature'
  | 'unknown-key'
  | 'algorithm'
  | 'key-kind'

/** A header that nobody has checked. */
type Header = { readonly [name in 'alg' | 'typ' | 'kid' | 'version' | 'crit']?: unknown }

const decodeJwt = createDecoder({ complete: true }) as (text: string) => {
  header: Header
  payload: unknown
}

/** What a new access token says, besides the times. */
export interface AccessTokenFacts {
  readonly userId: string
  readonly tenantId: string
  readonly handle: string
  readonly refreshTokenHash: string
  readonly parentRefreshTokenHash: string | null
  readonly antiCsrfToken: string | null
  /** The thumbprint of the key that the session is bound to. */
  readonly jkt?: string | undefined
  readonly customClaims: JsonObject
}

export function isProtectedClaim(name: string): boolean {
  return PROTECTED_CLAIMS.has(name)
}

/** What the app put into a payload: everything but the claims of the protocol. */
export function customClaimsOf(payload: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !isProtectedClaim(name)))
}

/** Where the keys of access tokens come from: our key ring, or the JWKS of another service. */
export interface AccessTokenKeys {
  /** The key whose access tokens begin with this header segment, as far as it is known here. */
  findByHeader(segment: string, nowMs: number): VerificationKey | undefined
  /** The key with this `kid`, as far as it is known here. */
  find(kid: string, nowMs: number): VerificationKey | undefined
  /**
   * Asks for a key that is unknown here.
   * @throws An error with status 503: nobody answered.
   */
  findAgain(kid: string, nowMs: number): Promise<VerificationKey | undefined>
  /** Has a key verify nothing from now on. */
  drop(kid: string): void
}

/** Verifies access tokens: JWTs (RFC 7519) of version 5. */
export class AccessTokenVerifier {
  readonly #keys: AccessTokenKeys
  readonly #keyKind: KeyKind | 'any'
  readonly #verified: VerifiedTokens
  readonly #digests: VerifiedDigests

  /**
   * @param options.keyKind - The kind of key whose tokens are taken; the others ask for a refresh.
   * @param options.cacheBytes - How much memory verified tokens may take.
   */
  constructor(keys: AccessTokenKeys, options: { keyKind: KeyKind | 'any'; cacheBytes: number }) {
    this.#keys = keys
    this.#keyKind = options.keyKind
    const digestBytes = options.cacheBytes * DIGESTS_SHARE
    this.#verified = new VerifiedTokens(options.cacheBytes - digestBytes)
    this.#digests = new VerifiedDigests(digestBytes)
  }

  /**
   * Verifies an access token: key, signature, structure, key kind, time.
   *
   * Answers at once, unless its key is unknown here and the store has to be asked. `malformed` is
   * answered at once, for whatever is no access token: a foreign JWT, or one that the app signed.
   *
   * Does not look at claims, anti-CSRF or the store.
   *
   * @returns The token, or why it is refused.
   */
  verify(text: string, nowMs: number): Awaitable<AccessToken | TokenRefusal> {
    const known = this.#verified.find(text)
    if (known !== undefined) {
      const timeliness = refusalByTime(known.payload, nowMs)
      if (timeliness !== null) return timeliness
      // A key that ended or left the ring verifies nothing any more, whatever it verified before.
      if (known.key.usableUntil >= nowMs) return known
    }
    if (text.length > MAX_LENGTH) return 'malformed'
    const key = this.#keys.findByHeader(text.slice(0, text.indexOf('.')), nowMs)
    return key === undefined ? this.#verifyUnknown(text, nowMs) : this.#verifyWith(key, text, nowMs)
  }

  /** Refuses what a key has signed, from now on. */
  dropKey(kid: string): void {
    this.#keys.drop(kid)
  }

  #verifyWith(key: VerificationKey, text: string, nowMs: number): AccessToken | TokenRefusal {
    if (key.usableUntil < nowMs) return 'unknown-key'
    // By way of a string: a Buffer that comes from OpenSSL costs half as much as the hash.
    const digest = Buffer.from(hash('sha256', key.salt + text, 'base64url'), 'base64url')
    const isKnown = this.#digests.has(digest)
    const payload = isKnown ? readVerified(text) : key.verify(text)
    if (payload === null) return isSessionPayload(payloadIn(text)) ? 'signature' : 'malformed'
    if (!isSessionPayload(payload)) return 'malformed'
    if (!this.#takes(key.kind)) return 'key-kind'
    const timeliness = refusalByTime(payload, nowMs)
    if (timeliness !== null) return timeliness
    const token = { text, payload: deepFreeze(payload) }
    if (isKnown) {
      this.#verified.addAgain(token, key)
    } else {
      this.#verified.add(token, key)
      this.#digests.add(digest)
    }
    return token
  }

  /** A token whose header is none of ours: its key may be one that another process has added. */
  #verifyUnknown(text: string, nowMs: number): Awaitable<TokenRefusal | AccessToken> {
    const token = decode(text)
    if (token === null || !isSessionPayload(token.payload)) return 'malformed'
    // Whoever wrote it, it says of itself that it is of no use: the store need not be asked.
    const timeliness = refusalByTime(token.payload, nowMs)
    if (timeliness !== null) return timeliness
    const { header } = token
    const kid = header.kid as string
    const known = this.#keys.find(kid, nowMs)
    if (known !== undefined) return this.#verifyNamed(known, header, text, nowMs)
    if (!this.#takes(kindOf(kid))) return 'key-kind'
    return this.#keys.findAgain(kid, nowMs).then((found) => {
      return found === undefined ? 'unknown-key' : this.#verifyNamed(found, header, text, nowMs)
    })
  }

  /** Whoever signs may write the members of a header in another order than we do, and no others. */
  #verifyNamed(
    key: VerificationKey,
    header: Header,
    text: string,
    nowMs: number
  ): AccessToken | TokenRefusal {
    const isItsOwn = isDeepStrictEqual(header, accessTokenHeader(key.kid, key.algorithm))
    return isItsOwn ? this.#verifyWith(key, text, nowMs) : 'algorithm'
  }

  #takes(kind: KeyKind | null): boolean {
    return kind !== null && (this.#keyKind === 'any' || kind === this.#keyKind)
  }
}

/** Mints access tokens with a key ring, and verifies them. */
export class AccessTokens extends AccessTokenVerifier {
  readonly #keyRing: KeyRing

  constructor(keyRing: KeyRing, options: { keyKind: KeyKind; cacheBytes: number }) {
    super(keyRing, options)
    this.#keyRing = keyRing
  }

  /** Mints a token that lives until `expiresAt`, in seconds since the epoch. */
  async mint(
    facts: AccessTokenFacts,
    { kind, nowMs, expiresAt }: { kind: KeyKind; nowMs: number; expiresAt: number }
  ): Promise<AccessToken> {
    const key = await this.#keyRing.signingKey(kind, nowMs)
    const payload = payloadOf(facts, Math.floor(nowMs / 1000), expiresAt)
    return { text: key.signAccessToken(payload), payload: deepFreeze(payload) }
  }
}

function payloadOf(facts: AccessTokenFacts, iat: number, exp: number): AccessTokenPayload {
  // Not a literal that begins with a spread: that takes ten times as long, 6 microseconds.
  const payload: AccessTokenPayload = Object.assign(customClaimsOf(facts.customClaims), {
    sub: facts.userId,
    exp,
    iat,
    tId: facts.tenantId,
    rsub: facts.userId,
    sessionHandle: facts.handle,
    refreshTokenHash1: facts.refreshTokenHash,
    parentRefreshTokenHash1: facts.parentRefreshTokenHash,
    antiCsrfToken: facts.antiCsrfToken
  })
  // RFC 7800 section 3.1, RFC 9449 section 6.1.
  if (facts.jkt !== undefined) Object.assign(payload, { cnf: { jkt: facts.jkt } })
  return payload
}

/** How long a token with these facts is at most, whichever key of the algorithm signs it. */
export function longestTokenLength(facts: AccessTokenFacts, algorithm: SigningAlgorithm): number {
  const payload = JSON.stringify(payloadOf(facts, MAX_SECONDS, MAX_SECONDS))
  const bytes = [MAX_HEADER_BYTES, Buffer.byteLength(payload), SIGNATURE_BYTES[algorithm]]
  // Base64url: four characters for three bytes, and two dots.
  return bytes.reduce((length, part) => length + Math.ceil((part * 4) / 3), 2)
}

/** Reads a JWT that calls itself an access token of version 5, without believing it. */
function decode(text: string): { header: Header; payload: unknown } | null {
  // A header is a JSON object. An error of the decoder costs ten times as much.
  if (!text.startsWith(OPENING_BRACE)) return null
  try {
    const token = decodeJwt(text)
    const { typ, version, kid, crit } = token.header
    // A JWT without `version` is one that the app signed for another purpose with the same keys.
    if (typ !== 'JWT' || version !== '5' || typeof kid !== 'string') return null
    // RFC 7515 section 4.1.11: `crit` names extensions that have to be understood, and we know none.
    return crit === undefined ? token : null
  } catch {
    return null
  }
}

/** The payload of a token that was verified before: there is nothing left to check of its encoding. */
function readVerified(text: string): unknown {
  const payload = text.slice(text.indexOf('.') + 1, text.lastIndexOf('.'))
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

/** The handle that an access token claims to be of, which nobody has checked. */
export function claimedSession(text: string): string | undefined {
  const payload = payloadIn(text)
  return isSessionPayload(payload) ? payload.sessionHandle : undefined
}

function payloadIn(text: string): unknown {
  return decode(text)?.payload
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

function refusalByTime({ exp, nbf }: AccessTokenPayload, nowMs: number): TokenRefusal | null {
  // RFC 7519 section 4.1.4: on or after `exp` the token is not accepted. 4.1.5: not before `nbf`.
  if (exp * 1000 <= nowMs) return 'expired'
  return typeof nbf === 'number' && nbf * 1000 > nowMs ? 'not-yet-valid' : null
}

/** The payload of a token is shared by all requests that carry it; none of them may change it. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
