import { resumeStacks, suspendStacks } from './stackless.ts'
import type { ClaimValidationError, TokenTheftPayload } from './types.ts'

export type { ClaimValidationError, TokenTheftPayload } from './types.ts'

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
  /** Whether the reply takes the tokens away from the client, in cookies and headers alike. */
  readonly clearTokens: boolean
  readonly #payload: P

  constructor(
    type: T,
    message: string,
    { payload, clearTokens, cause }: { payload: P; clearTokens: boolean; cause?: unknown }
  ) {
    // Every expired access token is one of these; a stack is most of what an error costs.
    const limit = suspendStacks()
    super(message, cause === undefined ? undefined : { cause })
    resumeStacks(limit)
    this.name = new.target.name
    this.type = type
    this.clearTokens = clearTokens
    this.#payload = payload
  }

  /** No property of its own, so that log serializers which copy those pass it over. */
  get payload(): P {
    return this.#payload
  }
}

/** There is no session: nothing was sent, or what was sent belongs to none that is alive. */
export class UnauthorisedError extends SessionError<'UNAUTHORISED', { clearTokens: boolean }> {
  /**
   * @param options.clearTokens - `false` keeps the client's tokens: for a request that carried none,
   * where clearing would race with a refresh that is under way. Default `true`.
   */
  constructor(
    message = 'unauthorised',
    { clearTokens = true, cause }: { clearTokens?: boolean; cause?: unknown } = {}
  ) {
    super('UNAUTHORISED', message, { payload: { clearTokens }, clearTokens, cause })
  }
}

/** The access token is expired, unknown or not confirmed; a refresh brings a good one. */
export class TryRefreshTokenError extends SessionError<'TRY_REFRESH_TOKEN', undefined> {
  constructor(message = 'try refresh token', { cause }: { cause?: unknown } = {}) {
    super('TRY_REFRESH_TOKEN', message, { payload: undefined, clearTokens: false, cause })
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
    { cause }: { cause?: unknown } = {}
  ) {
    super('TOKEN_THEFT_DETECTED', message, { payload, clearTokens: true, cause })
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
    { cause }: { cause?: unknown } = {}
  ) {
    super('INVALID_CLAIMS', message, { payload, clearTokens: false, cause })
  }
}

/** Two cookies of one name came in; those of `olderCookieDomain` are cleared by this very reply. */
export class ClearDuplicateSessionCookiesError extends SessionError<
  'CLEAR_DUPLICATE_SESSION_COOKIES',
  undefined
> {
  constructor(
    message = 'The request contains multiple session cookies. They are being cleared.',
    { cause }: { cause?: unknown } = {}
  ) {
    super('CLEAR_DUPLICATE_SESSION_COOKIES', message, {
      payload: undefined,
      clearTokens: false,
      cause
    })
  }
}
