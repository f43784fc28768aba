import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { HeaderBag } from './http-exception.ts'
import type {
  ClaimValidationError,
  ClearDuplicateSessionCookiesError,
  InvalidClaimsError,
  TokenTheftDetectedError,
  TryRefreshTokenError,
  UnauthorisedError
} from './session-errors.ts'
import type { RequestValidationError, ValidationIssue } from './validation/validation-error.ts'

/** The names of the session errors as handler keys, and what their handlers receive. */
export interface SessionErrorMap {
  UNAUTHORISED: UnauthorisedError
  TRY_REFRESH_TOKEN: TryRefreshTokenError
  TOKEN_THEFT_DETECTED: TokenTheftDetectedError
  INVALID_CLAIMS: InvalidClaimsError
  CLEAR_DUPLICATE_SESSION_COOKIES: ClearDuplicateSessionCookiesError
}

/** What handlers of an error code receive. Apps may add their own codes by declaration merging. */
export interface ErrorCodeMap {
  FST_ERR_VALIDATION: RequestValidationError
}

/** A class of errors, abstract ones and those with any constructor included. */
// biome-ignore lint/suspicious/noExplicitAny: a constructor's parameters are contravariant; only any accepts all of them
export type ErrorClass<E = unknown> = abstract new (...args: any[]) => E

/**
 * What a handler is registered for: a class (by prototype chain), a status from 200 to 599, the
 * name of a session error, or an error's `code`. The class `Error` is the catch-all.
 */
export type ExceptionKey = ErrorClass | number | string

/** What the handler of a key receives. */
export type ErrorForKey<K> =
  K extends ErrorClass<infer E>
    ? E
    : K extends keyof SessionErrorMap
      ? SessionErrorMap[K]
      : K extends keyof ErrorCodeMap
        ? ErrorCodeMap[K]
        : K extends number
          ? Error & {
              readonly statusCode: K
              readonly detail?: unknown
              readonly headers?: HeaderBag | undefined
            }
          : K extends string
            ? Error & { readonly code: K }
            : never

/** Anything a handler may answer with; see `ExceptionHandler`. */
export type HandlerResult = unknown

/** What an exception handler is given besides the error, the request and the reply. */
export interface HandlerContext {
  /** The status the reply has unless the handler sets another. */
  readonly status: number
  /** The first thing that was thrown in this request, as it was thrown. */
  readonly original: unknown
  /**
   * Asks the handler that would have answered without this one: the one it overrides, a less
   * specific one, or the default.
   *
   * @param error - Resolve this error instead.
   * @returns What that handler returned. Return it, or look at it first.
   */
  next(error?: unknown): HandlerResult
}

/**
 * Answers an error.
 *
 * The status and the error's headers are on the reply already. Return a value (an object becomes
 * JSON, untouched by response schemas), an `ErrorReply`, a stream, a web `Response`, or use `reply`.
 * A handler that does neither is logged and passed over.
 */
export type ExceptionHandler<E = unknown> = (
  this: FastifyInstance,
  error: E,
  request: FastifyRequest,
  reply: FastifyReply,
  context: HandlerContext
) => HandlerResult

/** A key and its handler, as `on(key, handler)` makes it. */
// biome-ignore lint/suspicious/noExplicitAny: entries of different errors stand in one list; `on` checks each
export type HandlerEntry = readonly [ExceptionKey, ExceptionHandler<any>]

/** Handlers by key: a list of `on(key, handler)`, or a record of statuses and session errors. */
export type HandlerTable =
  | Iterable<HandlerEntry>
  | ({ readonly [K in keyof SessionErrorMap]?: ExceptionHandler<SessionErrorMap[K]> } & {
      readonly [status: number]: ExceptionHandler<ErrorForKey<number>>
    })

/** The callbacks of SuperTokens' `Session.init`. Those left out keep their defaults. */
export interface SessionErrorHandlers {
  /** There is no session. */
  onUnauthorised?(message: string, request: FastifyRequest, reply: FastifyReply): HandlerResult
  /** The access token has ended, and the client is to refresh. */
  onTryRefreshToken?(message: string, request: FastifyRequest, reply: FastifyReply): HandlerResult
  /** A refresh token came back after it was rotated away. The session is revoked by then. */
  onTokenTheftDetected?(
    sessionHandle: string,
    userId: string,
    request: FastifyRequest,
    reply: FastifyReply
  ): HandlerResult
  /** Claims of the session are not as the route asks. */
  onInvalidClaim?(
    claimErrors: readonly ClaimValidationError[],
    request: FastifyRequest,
    reply: FastifyReply
  ): HandlerResult
  /** Session cookies came more than once; those of a former domain are cleared. */
  onClearDuplicateSessionCookies?(
    message: string,
    request: FastifyRequest,
    reply: FastifyReply
  ): HandlerResult
}

/** What a renderer makes a body of. */
export interface RenderInput {
  readonly status: number
  readonly error: unknown
  /** What may be shown: the exception's detail, or the reason phrase. */
  readonly detail: unknown
  /** Present for validation errors. */
  readonly issues?: readonly ValidationIssue[]
  readonly code?: string
  readonly request: FastifyRequest
}

/** The body of an error's reply. */
export interface RenderedBody {
  /** The media type. @defaultValue `application/json; charset=utf-8` */
  readonly type?: string
  /** An object becomes JSON. */
  readonly body: unknown
}

/** Makes the body of every error that no handler answers, for the option `render`. */
export type ErrorRenderer = (input: RenderInput) => RenderedBody

/** What is needed of a WebSocket; that of `ws` has it. */
export interface WebSocketLike {
  /** Ends it with a close frame (RFC 6455 section 7.1.5). */
  close(code?: number, reason?: string): void
}

/** Answers an error of a WebSocket after the upgrade, mostly by closing it. */
export type WebSocketExceptionHandler<E = unknown, S extends WebSocketLike = WebSocketLike> = (
  this: FastifyInstance,
  error: E,
  socket: S,
  request: FastifyRequest
) => unknown

/**
 * Anything thrown, in one shape. It is read once, with every read guarded: nothing after this has to
 * look into a foreign object.
 */
export interface NormalizedError {
  /** What handlers receive. */
  readonly error: Error
  /** By which its class is looked up; `null` if it has none. */
  readonly prototype: object | null
  /** `http` has a status of its own and can be handled by it; `server` is for the catch-all. */
  readonly kind: 'http' | 'session' | 'validation' | 'websocket' | 'server'
  readonly status: number
  /** What a default reply shows; `undefined` stands for the reason phrase. */
  readonly detail: unknown
  readonly code: string | undefined
  readonly headers: HeaderBag | undefined
  readonly sessionType: string | undefined
}
