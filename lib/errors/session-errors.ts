import { type HeaderBag, resumeStacks, suspendStacks } from './http-exception.ts'

/** Whose session it was. */
export interface TokenTheftPayload {
  readonly sessionHandle: string
  readonly userId: string
  readonly recipeUserId: string
}

/** A claim validator that did not pass, and why. `reason` goes to the client. */
export interface ClaimValidationError {
  readonly id: string
  readonly reason?: unknown
}

/** Why sessions are refused, as codes that do not change, and what each means. */
export const SESSION_ERROR_REASONS = {
  'no-token': 'the request has no access token',
  malformed: 'what came as access token is no access token',
  expired: 'the access token has expired',
  'not-yet-valid': 'the access token is not valid yet',
  signature: 'the signature of the access token is wrong',
  'unknown-key': 'the key of the access token is unknown',
  algorithm: 'the header of the access token is not the one that its key writes',
  'key-kind': 'the access token is signed by a key of the other kind',
  issuer: 'the access token is of another issuer',
  'anti-csrf': 'the anti-CSRF token is missing or another one',
  'custom-header': 'the header rid is missing',
  origin: 'the request came from a page that is not the website',
  'duplicate-cookies': 'a session cookie came more than once',
  'first-generation': 'a cookie of the first generation of the protocol came along',
  'refresh-token': 'what came as refresh token was not issued here',
  stale: 'the session has gone on with other tokens',
  revoked: 'the session was revoked',
  ended: 'the session is gone or expired',
  theft: 'a refresh token came back after it was rotated away',
  claims: 'a claim does not pass its validator',
  device: 'the session is bound to a device that did not show itself',
  proof: 'the proof of the device is refused',
  unbound: 'the session is not bound to a device'
} as const

/** Why a session was refused. */
export type SessionErrorReason = keyof typeof SESSION_ERROR_REASONS

/** What every session error may be given. */
export interface SessionErrorInit {
  readonly reason?: SessionErrorReason
  /** Put on the reply besides `Cache-Control`, whichever handler answers. */
  readonly headers?: HeaderBag
  readonly cause?: unknown
}

const noStore: HeaderBag = Object.freeze({ 'cache-control': 'no-store' })

/**
 * What a session check or a refresh can end in, other than a session.
 *
 * ```
 * SessionError
 *   UnauthorisedError                  there is no session (any more)
 *   TryRefreshTokenError               the access token is no longer good; a refresh helps
 *   TokenTheftDetectedError            a rotated refresh token came back; the session is revoked
 *   InvalidClaimsError                 the session does not satisfy a claim validator
 *   ClearDuplicateSessionCookiesError  cookies of an older domain were in the way and are cleared
 * ```
 *
 * Names and payloads are those of the SuperTokens session recipe. An error states what should
 * happen to the client's tokens (`clearTokens`) and does not do it.
 */
export abstract class SessionError<T extends string = string, P = unknown> extends Error {
  readonly fromRecipe = 'session' as const
  readonly type: T
  /** Why, as a code that does not change. For logs and handlers; never in a default body. */
  readonly reason: SessionErrorReason | undefined
  /** Whether the reply takes the tokens away from the client, in cookies and headers alike. */
  readonly clearTokens: boolean
  readonly #payload: P
  readonly #headers: HeaderBag

  constructor(
    type: T,
    message: string,
    {
      payload,
      clearTokens,
      reason,
      headers,
      cause
    }: SessionErrorInit & { payload: P; clearTokens: boolean }
  ) {
    // Every expired access token is one of these; a stack is most of what an error costs.
    const limit = suspendStacks()
    super(message, cause === undefined ? undefined : { cause })
    resumeStacks(limit)
    this.name = new.target.name
    this.type = type
    this.reason = reason
    this.clearTokens = clearTokens
    this.#payload = payload
    this.#headers = headers === undefined ? noStore : { ...noStore, ...headers }
  }

  /** No property of its own, so that log serializers which copy those pass it over. */
  get payload(): P {
    return this.#payload
  }

  /**
   * The status for error handlers that know nothing of this package: an app's own, those of routes
   * that were declared before the plugin, or a framework's. The plugin goes by its options.
   */
  get statusCode(): number {
    return 401
  }

  /** As `statusCode`, under the name that other frameworks read. */
  get status(): number {
    return this.statusCode
  }

  /** The message may be sent. */
  get expose(): boolean {
    return true
  }

  /** Nothing may store the reply. */
  get headers(): HeaderBag {
    return this.#headers
  }
}

/** Errors about other tokens than those of the client who is answered. */
const ofElsewhere = new WeakSet<SessionError>()

/**
 * Notes that an error is about tokens that did not come with the request, or about those of another
 * registration: the reply leaves the client's own alone.
 */
export function noteElsewhere(error: unknown): void {
  if (error instanceof SessionError) ofElsewhere.add(error)
}

/** Whether the reply takes the tokens away from the client. */
export function takesTokens(error: SessionError): boolean {
  return error.clearTokens && !ofElsewhere.has(error)
}

function explain({ reason }: SessionErrorInit): string | undefined {
  return reason && SESSION_ERROR_REASONS[reason]
}

/** There is no session: nothing was sent, or what was sent belongs to none that is alive. */
export class UnauthorisedError extends SessionError<'UNAUTHORISED', { clearTokens: boolean }> {
  /**
   * @param options - What every session error takes, and `clearTokens`: `false` keeps the client's
   * tokens, for a request that carried none, where clearing would race with a refresh that is under
   * way. `true` by default.
   */
  constructor(
    message?: string,
    { clearTokens = true, ...init }: SessionErrorInit & { clearTokens?: boolean } = {}
  ) {
    super('UNAUTHORISED', message ?? explain(init) ?? 'unauthorised', {
      payload: { clearTokens },
      clearTokens,
      ...init
    })
  }
}

/** The access token is expired, unknown or not confirmed; a refresh brings a good one. */
export class TryRefreshTokenError extends SessionError<'TRY_REFRESH_TOKEN', undefined> {
  constructor(message?: string, init: SessionErrorInit = {}) {
    super('TRY_REFRESH_TOKEN', message ?? explain(init) ?? 'try refresh token', {
      payload: undefined,
      clearTokens: false,
      ...init
    })
  }
}

/** A refresh token came back after it was rotated away. The session is revoked by then. */
export class TokenTheftDetectedError extends SessionError<
  'TOKEN_THEFT_DETECTED',
  TokenTheftPayload
> {
  constructor(
    payload: TokenTheftPayload,
    message = 'token theft detected',
    init: SessionErrorInit = {}
  ) {
    super('TOKEN_THEFT_DETECTED', message, {
      payload,
      clearTokens: true,
      reason: 'theft',
      ...init
    })
  }
}

/** The session is good, but does not satisfy the route's claim validators. */
export class InvalidClaimsError extends SessionError<
  'INVALID_CLAIMS',
  readonly ClaimValidationError[]
> {
  constructor(
    payload: readonly ClaimValidationError[],
    message = 'invalid claim',
    init: SessionErrorInit = {}
  ) {
    super('INVALID_CLAIMS', message, { payload, clearTokens: false, reason: 'claims', ...init })
  }

  override get statusCode(): number {
    return 403
  }
}

/** Two cookies of one name came in; those of `olderCookieDomain` are cleared by this very reply. */
export class ClearDuplicateSessionCookiesError extends SessionError<
  'CLEAR_DUPLICATE_SESSION_COOKIES',
  undefined
> {
  constructor(
    message = 'The request contains multiple session cookies. They are being cleared.',
    init: SessionErrorInit = {}
  ) {
    super('CLEAR_DUPLICATE_SESSION_COOKIES', message, {
      payload: undefined,
      clearTokens: false,
      reason: 'duplicate-cookies',
      ...init
    })
  }

  override get statusCode(): number {
    return 200
  }
}

/** A session error of another copy of this package, or any error of the supertokens-node SDK. */
interface ForeignSessionError extends Error {
  readonly type: string
  readonly payload?: unknown
  readonly fromRecipe?: unknown
  readonly errMagic?: unknown
  readonly code?: unknown
}

/** An error of the SDK that has no class of its own here: bad input, a plugin's, an unknown one. */
export class SupertokensError extends SessionError<string, unknown> {
  constructor(type: string, message: string, { cause }: { cause: unknown }) {
    super(type, message, { payload: undefined, clearTokens: false, cause })
  }
}

/**
 * Gives back a session error as one of our classes, whoever threw it.
 *
 * Only instances of `Error` are considered: what an app throws by accident, a request's body for
 * example, must not be able to pass for one.
 */
export function recognizeSessionError(error: Error): SessionError | undefined {
  if (error instanceof SessionError) return error
  if (!isForeignSessionError(error)) return undefined
  const convert = conversions.get(error.type) ?? unknownType
  return convert(error)
}

function isForeignSessionError(error: Error): error is ForeignSessionError {
  if (!('type' in error) || typeof error.type !== 'string') return false
  return (
    ('fromRecipe' in error && error.fromRecipe === 'session') ||
    ('errMagic' in error && typeof error.errMagic === 'string')
  )
}

/** Whether an error comes from the SDK, and is not a session error of a copy of this package. */
export function isSdkError(error: unknown): error is Error {
  return error instanceof Error && 'errMagic' in error && typeof error.errMagic === 'string'
}

type Conversion = (error: ForeignSessionError) => SessionError

const conversions: ReadonlyMap<string, Conversion> = new Map<string, Conversion>(
  Object.entries<Conversion>({
    UNAUTHORISED: (error) => {
      const { clearTokens } = Object(error.payload) as { clearTokens?: unknown }
      return new UnauthorisedError(error.message, {
        clearTokens: clearTokens !== false,
        cause: error
      })
    },
    TRY_REFRESH_TOKEN: (error) => new TryRefreshTokenError(error.message, { cause: error }),
    TOKEN_THEFT_DETECTED: (error) => {
      const { sessionHandle, userId, recipeUserId } = Object(error.payload)
      const payload = {
        sessionHandle: String(sessionHandle),
        userId: String(userId),
        recipeUserId: recipeUserIdText(recipeUserId, userId)
      }
      return new TokenTheftDetectedError(payload, error.message, { cause: error })
    },
    INVALID_CLAIMS: (error) => {
      const claims = Array.isArray(error.payload) ? error.payload : []
      return new InvalidClaimsError(claims, error.message, { cause: error })
    },
    CLEAR_DUPLICATE_SESSION_COOKIES: (error) =>
      new ClearDuplicateSessionCookiesError(error.message, { cause: error })
  })
)

/** Keys of handlers that stand for session errors; any other text is the `code` of an error. */
export const SESSION_ERROR_NAMES: ReadonlySet<string> = new Set([
  ...conversions.keys(),
  // Of the SDK, without a class of their own.
  'BAD_INPUT_ERROR',
  'PLUGIN_ERROR',
  'UNKNOWN_ERROR'
])

function unknownType(error: ForeignSessionError): SessionError {
  return new SupertokensError(error.type, error.message, { cause: error })
}

/** The SDK wraps the id of a login method in an object. */
function recipeUserIdText(value: unknown, userId: unknown): string {
  const { getAsString } = Object(value) as { getAsString?: () => unknown }
  if (typeof getAsString === 'function') return String(getAsString.call(value))
  return String(value ?? userId)
}
