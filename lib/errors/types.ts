import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Header names and values as an exception carries them. Names are compared without case. */
export type HeaderBag = Readonly<Record<string, string | number | readonly string[]>>

export interface ExceptionInit {
  /** Put on the reply whichever handler answers. Invalid ones are dropped and logged by name. */
  readonly headers?: HeaderBag | undefined
  /** What led to it. For the log; never on the wire. */
  readonly cause?: unknown
  /** A stable name that handlers can be registered for. */
  readonly code?: string | undefined
  /**
   * Whether to capture a stack, which is most of what an exception costs.
   * @defaultValue only for statuses from 500 on
   */
  readonly stack?: boolean | undefined
}

/** A part of a request that a schema can describe. */
export type RequestPart = 'body' | 'querystring' | 'params' | 'headers'

/** One thing that is wrong with a request, in FastAPI's form. */
export interface ValidationIssue {
  /** A stable slug, Pydantic's where it has one: `int_parsing`, `missing`. */
  type: string
  /** Where: `path`, `query`, `header` or `body`, then keys and array indices. */
  loc: (string | number)[]
  msg: string
  /** What was there, as far as `validation.input` allows. */
  input?: unknown
  ctx?: Record<string, unknown>
}

/** What `RequestValidationError` and its siblings have in common. */
export interface ValidationFailure extends Error {
  errors(): ValidationIssue[]
  readonly endpoint: { readonly method: string; readonly url: string } | undefined
}

export interface RequestValidationFailure extends ValidationFailure {
  readonly body: unknown
  readonly parts: readonly RequestPart[]
  readonly code: string
}

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

/** The shape every session error has; the classes are in `session-errors.ts`. */
export interface SessionFailure<T extends string, P> extends Error {
  readonly fromRecipe: 'session'
  readonly type: T
  readonly payload: P
  readonly clearTokens: boolean
}

/** The names of the session errors as handler keys, and what their handlers receive. */
export interface SessionErrorMap {
  UNAUTHORISED: SessionFailure<'UNAUTHORISED', { clearTokens: boolean }>
  TRY_REFRESH_TOKEN: SessionFailure<'TRY_REFRESH_TOKEN', undefined>
  TOKEN_THEFT_DETECTED: SessionFailure<'TOKEN_THEFT_DETECTED', TokenTheftPayload>
  INVALID_CLAIMS: SessionFailure<'INVALID_CLAIMS', readonly ClaimValidationError[]>
  CLEAR_DUPLICATE_SESSION_COOKIES: SessionFailure<'CLEAR_DUPLICATE_SESSION_COOKIES', undefined>
}

/** What handlers of an error code receive. Apps may add their own codes by declaration merging. */
export interface ErrorCodeMap {
  FST_ERR_VALIDATION: RequestValidationFailure
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

// biome-ignore lint/suspicious/noExplicitAny: entries of different errors stand in one list; `on` checks each
export type HandlerEntry = readonly [ExceptionKey, ExceptionHandler<any>]

/** Handlers by key: a list of `on(key, handler)`, or a record of session errors. */
export type HandlerTable =
  | Iterable<HandlerEntry>
  | { readonly [K in keyof SessionErrorMap]?: ExceptionHandler<SessionErrorMap[K]> }

/** The callbacks of SuperTokens' `Session.init`. Those left out keep their defaults. */
export interface SessionErrorHandlers {
  onUnauthorised?(message: string, request: FastifyRequest, reply: FastifyReply): HandlerResult
  onTryRefreshToken?(message: string, request: FastifyRequest, reply: FastifyReply): HandlerResult
  onTokenTheftDetected?(
    sessionHandle: string,
    userId: string,
    recipeUserId: string,
    request: FastifyRequest,
    reply: FastifyReply
  ): HandlerResult
  onInvalidClaim?(
    claimErrors: readonly ClaimValidationError[],
    request: FastifyRequest,
    reply: FastifyReply
  ): HandlerResult
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

export interface RenderedBody {
  /** The media type. @defaultValue `application/json; charset=utf-8` */
  readonly type?: string
  /** An object becomes JSON. */
  readonly body: unknown
}

export type ErrorRenderer = (input: RenderInput) => RenderedBody

export interface ValidationOptions {
  /** Status of a request that fails its schema, 400 to 499. @defaultValue 422; 400 with `compat: 'fastify'` */
  status?: number
  /** `first` reports the part that failed first, `all` the others' problems too. @defaultValue 'all' */
  parts?: 'all' | 'first'
  /**
   * How much of the input is echoed: `scalar` leaves out objects and arrays and cuts strings at 256
   * characters. Fields named like secrets are never echoed. @defaultValue 'scalar'
   */
  input?: 'scalar' | 'full' | 'none'
  /** How many issues are listed, 1 to 10 000; one more entry says how many are not. @defaultValue 100 */
  maxIssues?: number
  /** Keep the body as it was before validation changed it, for `RequestValidationError.body`. @defaultValue false */
  captureBody?: boolean
  /** Report where malformed JSON breaks off, by a JSON parser that keeps the offset. @defaultValue false */
  jsonOffset?: boolean
  /** Whether the message of a `pattern` issue shows the pattern. @defaultValue true */
  showPattern?: boolean
  /** Pydantic's sentences, Ajv's, or your own. @defaultValue 'pydantic' */
  messages?:
    | 'pydantic'
    | 'ajv'
    | ((issue: ValidationIssue, source: unknown, request: FastifyRequest) => string)
}

/** What is needed of a WebSocket; that of `ws` has it. */
export interface WebSocketLike {
  close(code?: number, reason?: string): void
}

/** Answers an error of a WebSocket after the upgrade, mostly by closing it. */
export type WebSocketExceptionHandler<E = unknown, S extends WebSocketLike = WebSocketLike> = (
  this: FastifyInstance,
  error: E,
  socket: S,
  request: FastifyRequest
) => unknown

export interface WebSocketOptions {
  /** Status of a WebSocket request that fails its schema. @defaultValue 422 */
  rejectStatus?: 422 | 403
  /** Whether a refusal before the upgrade has a body. @defaultValue true */
  preUpgradeBody?: boolean
  /**
   * Close codes of session errors, 3000 to 4999.
   * @defaultValue 4403 for `INVALID_CLAIMS`, 1011 for `CLEAR_DUPLICATE_SESSION_COOKIES`, else 4401
   */
  closeCodes?: { readonly [K in keyof SessionErrorMap]?: number }
}

export interface ErrorsOptions {
  /** Handlers by class, status, code or session-error name. */
  exceptionHandlers?: HandlerTable
  /** Handlers of the session errors in SuperTokens' form. */
  errorHandlers?: SessionErrorHandlers
  /** Status of the errors that end a session or ask for a refresh. @defaultValue 401 */
  sessionExpiredStatusCode?: number
  /** Status of a failed claim; must differ from `sessionExpiredStatusCode`. @defaultValue 403 */
  invalidClaimStatusCode?: number
  /** The `WWW-Authenticate` of session errors; `false` sends none. @defaultValue 'Bearer' */
  challenge?: string | boolean
  /** `render` gives session errors the renderer's body, `both` adds its `detail`. @defaultValue 'wire' */
  sessionBody?: 'wire' | 'both' | 'render'
  /** Takes the tokens from the client. Called before the handler of an error that asks for it. */
  clearTokens?(request: FastifyRequest, reply: FastifyReply): void
  /**
   * `fastapi-strict` answers an unhandled error with plain text as Starlette does; `fastify` keeps
   * Fastify's statuses and bodies. @defaultValue 'fastapi'
   */
  compat?: 'fastapi' | 'fastapi-strict' | 'fastify'
  /** The form of error bodies. @defaultValue 'detail'; 'fastify' with `compat: 'fastify'` */
  render?: 'detail' | 'problem' | 'fastify' | ErrorRenderer
  validation?: ValidationOptions
  websocket?: WebSocketOptions
  /**
   * Which errors may choose their status by `statusCode`: all as in Fastify, only those of known
   * kinds, or those the function accepts. @defaultValue 'fastify'
   */
  trustStatusCode?: 'fastify' | 'known' | ((error: Error) => boolean)
  /** Whether the error's headers are set for custom handlers too. @defaultValue 'always' */
  applyHeaders?: 'always' | 'default-only'
  /** Which headers set before the error are removed. @defaultValue 'representation' */
  stripHeaders?: 'representation' | 'all' | 'none' | readonly string[]
  /** Show `code` in bodies of the detail renderer. @defaultValue false */
  exposeCode?: boolean
  /** Show the message of unhandled errors; for development. @defaultValue false */
  exposeServerErrors?: boolean
  /**
   * The level of an error's line in the log; `false` writes none.
   * @defaultValue `error` from status 500 on, `debug` for 404 and 405, `info` for the rest
   */
  errorLogLevel?(error: unknown, status: number): 'error' | 'warn' | 'info' | 'debug' | false
  /** Called for an error that only the catch-all answered. */
  onUnhandled?(error: unknown, request: FastifyRequest): void
  /** Called for an error that came when the reply had begun, or in work after it. */
  onLate?(error: unknown, request: FastifyRequest, phase: 'headers-sent' | 'background'): void
  /**
   * Answer unhandled errors by a traceback. In production registration is refused, unless 'force'.
   * Browsers get a page with source lines if the package `youch-core` is installed.
   * @defaultValue false
   */
  debug?: boolean | 'force'
  /**
   * Leaves errors of the supertokens-node SDK to its own handler: `errorHandler()` of
   * `supertokens-node/framework/fastify`.
   */
  supertokens?: {
    errorHandler(error: never, request: FastifyRequest, reply: FastifyReply): Promise<unknown>
  }
  /** Answer unknown paths. @defaultValue true */
  notFound?: boolean
  /**
   * Answer a known path with another method by 405 and `Allow`. Read where the plugin is registered
   * first. @defaultValue true
   */
  methodNotAllowed?: boolean
}

/** An exception class that says how it is documented. */
export interface DocumentedException {
  readonly openapi: {
    readonly status: number
    readonly description?: string
    readonly schema?: Readonly<Record<string, unknown>>
  }
}

/** The errors of a route by status, with a description or a schema, or as documented classes. */
export type ErrorResponses =
  | Readonly<Record<number, string | Readonly<Record<string, unknown>>>>
  | readonly DocumentedException[]
