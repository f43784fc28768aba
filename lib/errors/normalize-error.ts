import { types } from 'node:util'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type HeaderBag, HTTPException } from './http-exception.ts'
import type { ErrorSettings } from './options.ts'
import { sessionHeaders, sessionStatus } from './session-error-handlers.ts'
import { recognizeSessionError } from './session-errors.ts'
import { ThrownValueError } from './thrown-value.ts'
import type { NormalizedError } from './types.ts'
import { hasValidatorStatus, recognizeRequestError } from './validation/request-errors.ts'
import { recognizeResponseError } from './validation/response-errors.ts'
import {
  RequestValidationError,
  ResponseValidationError,
  WebSocketRequestValidationError
} from './validation/validation-error.ts'
import { WebSocketException } from './websocket/websocket-exception.ts'

/**
 * Makes one shape of anything that can be thrown. Does not throw, whatever it is given.
 *
 * @param reply - What `reply.code()` said before the throw counts. Left out where the status on it is
 * not the app's: a handler threw, or the reply is that of an upgraded WebSocket.
 */
export function normalizeError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply | undefined,
  settings: ErrorSettings
): NormalizedError {
  try {
    if (isError(thrown)) return normalizeOurs(thrown, request, reply, settings)
    const plain = normalizePlain(thrown, settings)
    if (plain !== undefined) return plain
  } catch {
    // A hostile object: a getter or a proxy's trap threw. It is treated like any odd value.
  }
  return normalized(new ThrownValueError(thrown), 'server', 500)
}

/** A plain object with a status, which Fastify honours as well: `throw { statusCode: 429, message }`. */
function normalizePlain(thrown: unknown, settings: ErrorSettings): NormalizedError | undefined {
  const { statusCode: status, message } = Object(thrown) as {
    statusCode?: unknown
    message?: unknown
  }
  if (!isErrorStatus(status) || settings.trustStatusCode !== 'fastify') return undefined
  const kind = status >= 500 ? 'server' : 'http'
  const detail = kind === 'http' && typeof message === 'string' ? message : undefined
  return normalized(new ThrownValueError(thrown), kind, status, { detail })
}

/** Errors of other realms (test runners, vm) are errors too. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}

function normalizeOurs(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply | undefined,
  settings: ErrorSettings
): NormalizedError {
  if (HTTPException.isHTTPException(error)) {
    const { statusCode, detail, headers } = error
    return normalized(error, 'http', statusCode, { detail, headers })
  }
  const session = recognizeSessionError(error)
  if (session !== undefined) {
    const status = sessionStatus(session, settings)
    const headers = sessionHeaders(session, settings)
    return normalized(session, 'session', status, { headers, sessionType: session.type })
  }
  if (error instanceof WebSocketException) return normalized(error, 'websocket', 403)
  if (error instanceof RequestValidationError || error instanceof WebSocketRequestValidationError) {
    const isSocket = error instanceof WebSocketRequestValidationError
    return normalized(error, 'validation', isSocket ? 422 : settings.validation.status)
  }
  if (error instanceof ResponseValidationError) return normalized(error, 'server', 500)
  if (error instanceof AggregateError && error.errors.length === 1 && isError(error.errors[0])) {
    return normalizeOurs(error.errors[0], request, reply, settings)
  }
  return normalizeForeign(error, request, reply, settings)
}

function normalizeForeign(
  error: Error & { readonly validationContext?: unknown },
  request: FastifyRequest,
  reply: FastifyReply | undefined,
  settings: ErrorSettings
): NormalizedError {
  const ours =
    recognizeInvalidRequest(error, request, settings) ??
    recognizeResponseError(error, request, settings)
  if (ours !== undefined) return normalizeOurs(ours, request, reply, settings)
  // A validator that threw, which Fastify gives a status of its own.
  if (error.validationContext !== undefined && !hasValidatorStatus(error))
    return normalized(error, 'server', 500)
  const answer = foreignAnswer(error, reply, settings)
  if (answer === undefined) return normalized(error, 'server', 500)
  return normalized(error, answer.status >= 500 ? 'server' : 'http', answer.status, answer)
}

/** The request of a WebSocket is one by the mark of @fastify/websocket. */
function recognizeInvalidRequest(
  error: Error,
  request: FastifyRequest & { readonly ws?: boolean },
  settings: ErrorSettings
): RequestValidationError | WebSocketRequestValidationError | undefined {
  const invalid = recognizeRequestError(error, request, settings)
  if (invalid === undefined || request.ws !== true) return invalid
  const { message, endpoint, cause, parts } = invalid
  const list = () => invalid.errors()
  return new WebSocketRequestValidationError({ message, list, endpoint, cause, parts })
}

function normalized(
  error: Error & { readonly code?: unknown },
  kind: NormalizedError['kind'],
  status: number,
  {
    detail,
    headers,
    sessionType
  }: Partial<Pick<NormalizedError, 'detail' | 'headers' | 'sessionType'>> = {}
): NormalizedError {
  return {
    error,
    prototype: Object.getPrototypeOf(error),
    kind,
    status,
    detail,
    code: typeof error.code === 'string' ? error.code : undefined,
    headers,
    sessionType
  }
}

/** The failure as an exception, for handlers of `HTTPException`: the error itself where it is one. */
export function asHTTPException(normalized: NormalizedError): HTTPException {
  const { error, status, detail, headers, code } = normalized
  if (HTTPException.isHTTPException(error)) return error
  return new HTTPException(status, detail, { headers, code, cause: error, stack: false })
}

/** An answer that an error of some other library asks for. */
interface ForeignAnswer {
  readonly status: number
  /** What may be shown; `undefined` stands for the reason phrase. */
  readonly detail: unknown
  readonly headers: HeaderBag | undefined
}

interface ForeignError extends Error {
  readonly statusCode?: unknown
  readonly status?: unknown
  readonly expose?: unknown
  readonly headers?: unknown
  readonly code?: unknown
}

/** The mark on the prototype of every class that @fastify/error makes. */
const fastifyErrorMark = Symbol.for('fastify-error-generic')

/** Core errors whose messages repeat the URL. */
const echoesURL: ReadonlySet<unknown> = new Set([
  'FST_ERR_BAD_URL',
  'FST_ERR_MAX_PARAM_LENGTH',
  'FST_ERR_ASYNC_CONSTRAINT'
])

/**
 * Reads the status an error asks for by `statusCode`, or that was set on the reply before the throw.
 *
 * A bare `status` is not believed: HTTP clients put the status of the server they called there, and
 * an upstream's 401 passed on would log a front end out. For the same reason headers are taken from
 * errors of libraries for HTTP errors only.
 */
function foreignAnswer(
  error: ForeignError,
  reply: FastifyReply | undefined,
  settings: ErrorSettings
): ForeignAnswer | undefined {
  const status =
    isErrorStatus(error.statusCode) && isTrusted(error, settings.trustStatusCode)
      ? error.statusCode
      : explicitStatus(error, reply)
  if (status === undefined) return undefined
  const { headers } = error
  const isOwn = isHTTPError(error) && Object(headers) === headers
  return {
    status,
    detail: shownDetail(error, status, settings),
    headers: isOwn ? (headers as HeaderBag) : undefined
  }
}

function isErrorStatus(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599
}

function isTrusted(error: ForeignError, trust: ErrorSettings['trustStatusCode']): boolean {
  if (trust === 'fastify') return true
  return isHTTPError(error) || fastifyErrorMark in error || (trust !== 'known' && trust(error))
}

/** An instance of http-errors, by the two facts only its instances have. */
function isHTTPError({ expose, status, statusCode }: ForeignError): boolean {
  return typeof expose === 'boolean' && status === statusCode
}

/**
 * What `reply.code()` said before the throw. With a tracing subscriber Fastify writes the error's
 * own status there first, hence a 500 and an equal bare `status` do not count.
 */
function explicitStatus(error: ForeignError, reply: FastifyReply | undefined): number | undefined {
  const status = reply?.statusCode ?? 200
  return status >= 400 && status !== 500 && status !== error.status ? status : undefined
}

/** Texts of errors that were made for clients; Fastify shows those of all. */
function shownDetail(error: ForeignError, status: number, { compat }: ErrorSettings): unknown {
  if (status >= 500 || echoesURL.has(error.code) || error.expose === false) return undefined
  const isMadeForClients =
    error.expose === true || fastifyErrorMark in error || compat === 'fastify'
  return isMadeForClients ? error.message : undefined
}
