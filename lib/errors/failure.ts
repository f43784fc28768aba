import { types } from 'node:util'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { foreignAnswer } from './foreign-status.ts'
import { HTTPException } from './http-exception.ts'
import { sessionHeaders, sessionStatus } from './session-replies.ts'
import type { ErrorSettings } from './settings.ts'
import { recogniseSessionError } from './supertokens-errors.ts'
import { ThrownValueError } from './thrown-value-error.ts'
import type { HeaderBag } from './types.ts'
import { recogniseRequestError } from './validation/request-errors.ts'
import { recogniseResponseError } from './validation/response-errors.ts'
import {
  RequestValidationError,
  ResponseValidationError,
  WebSocketRequestValidationError
} from './validation/validation-error.ts'
import { WebSocketException } from './websocket/websocket-exception.ts'

/**
 * What was thrown, understood. It is read once and with every read guarded; nothing after this has
 * to look into a foreign object.
 */
export interface Failure {
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

/**
 * Understands anything that can be thrown. Does not throw, whatever it is given.
 *
 * @param reply - Left out after a WebSocket's upgrade, when there is none any more.
 */
export function understand(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply | undefined,
  settings: ErrorSettings
): Failure {
  try {
    if (isError(thrown)) return understandError(thrown, request, reply, settings)
  } catch {
    // A hostile object: a getter or a proxy's trap threw. It is treated like any odd value.
  }
  return failure(new ThrownValueError(thrown), 'server', 500)
}

/** Errors of other realms (test runners, vm) are errors too. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}

function understandError(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply | undefined,
  settings: ErrorSettings
): Failure {
  if (HTTPException.isHTTPException(error)) {
    const { statusCode, detail, headers } = error
    return failure(error, 'http', statusCode, { detail, headers })
  }
  const session = recogniseSessionError(error)
  if (session !== undefined) {
    const status = sessionStatus(session, settings)
    const headers = sessionHeaders(session, settings)
    return failure(session, 'session', status, { headers, sessionType: session.type })
  }
  if (error instanceof WebSocketException) return failure(error, 'websocket', 403)
  if (error instanceof RequestValidationError || error instanceof WebSocketRequestValidationError) {
    const isSocket = error instanceof WebSocketRequestValidationError
    const { validation, websocket } = settings
    return failure(error, 'validation', isSocket ? websocket.rejectStatus : validation.status)
  }
  if (error instanceof ResponseValidationError) return failure(error, 'server', 500)
  if (error instanceof AggregateError && error.errors.length === 1 && isError(error.errors[0])) {
    return understandError(error.errors[0], request, reply, settings)
  }
  return understandForeign(error, request, reply, settings)
}

function understandForeign(
  error: Error & { readonly validationContext?: unknown },
  request: FastifyRequest,
  reply: FastifyReply | undefined,
  settings: ErrorSettings
): Failure {
  const ours =
    recogniseInvalidRequest(error, request, settings) ??
    recogniseResponseError(error, request, settings)
  if (ours !== undefined) return understandError(ours, request, reply, settings)
  // What is left of these is a validator that threw, which Fastify gives a trusted-looking 500.
  if (error.validationContext !== undefined) return failure(error, 'server', 500)
  const answer = foreignAnswer(error, reply, settings.trustStatusCode)
  if (answer === undefined) return failure(error, 'server', 500)
  return failure(error, 'http', answer.status, answer)
}

/** The request of a WebSocket is one by the mark of @fastify/websocket. */
function recogniseInvalidRequest(
  error: Error,
  request: FastifyRequest & { readonly ws?: boolean },
  settings: ErrorSettings
): RequestValidationError | WebSocketRequestValidationError | undefined {
  const invalid = recogniseRequestError(error, request, settings)
  if (invalid === undefined || request.ws !== true) return invalid
  const { message, endpoint, cause, parts } = invalid
  const list = () => invalid.errors()
  return new WebSocketRequestValidationError({ message, list, endpoint, cause, parts })
}

function failure(
  error: Error & { readonly code?: unknown },
  kind: Failure['kind'],
  status: number,
  {
    detail,
    headers,
    sessionType
  }: Partial<Pick<Failure, 'detail' | 'headers' | 'sessionType'>> = {}
): Failure {
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
export function asHTTPException(failure: Failure): HTTPException {
  const { error, status, detail, headers, code } = failure
  if (HTTPException.isHTTPException(error)) return error
  return new HTTPException(status, detail, { headers, code, cause: error, stack: false })
}
