import type { FastifyRequest } from 'fastify'
import { debugReply } from './debug-page.ts'
import { ErrorReply } from './error-reply.ts'
import type { Failure } from './failure.ts'
import type { HTTPException } from './http-exception.ts'
import { renderReply } from './render.ts'
import { tableFor } from './scope.ts'
import type { SessionError } from './session-errors.ts'
import { sessionBody, sessionStatus } from './session-replies.ts'
import {
  type RequestValidationError,
  WebSocketRequestValidationError
} from './validation/validation-error.ts'
import type { WebSocketException } from './websocket/websocket-exception.ts'

/**
 * The handlers that answer where the app has none. They are handlers like any other: an app's own
 * handler may call one, return what it returned, or look at the `ErrorReply` first.
 */

/** `{"detail": ...}` with the exception's status. */
export function httpExceptionHandler(error: HTTPException, request: FastifyRequest): ErrorReply {
  const { statusCode: status, detail, code } = error
  return renderReply({ status, error, detail, code }, request, tableFor(request).settings)
}

/** 422 with the list of issues. */
export function requestValidationExceptionHandler(
  error: RequestValidationError,
  request: FastifyRequest
): ErrorReply {
  const { settings } = tableFor(request)
  const { code, message: detail } = error
  const renderable = { error, detail, issues: error.errors(), code }
  return renderReply({ ...renderable, status: settings.validation.status }, request, settings)
}

/** The same for a WebSocket, whose request is still HTTP; a 403 does not say why, as in FastAPI. */
export function webSocketRequestValidationExceptionHandler(
  error: WebSocketRequestValidationError,
  request: FastifyRequest
): ErrorReply {
  const { settings } = tableFor(request)
  const { rejectStatus: status, preUpgradeBody } = settings.websocket
  if (!preUpgradeBody) return new ErrorReply(status)
  const issues = status === 422 ? error.errors() : undefined
  return renderReply({ error, status, issues }, request, settings)
}

/** Before the upgrade a WebSocket is refused as Starlette refuses it. */
export function webSocketExceptionHandler(
  error: WebSocketException,
  request: FastifyRequest
): ErrorReply {
  const { settings } = tableFor(request)
  if (!settings.websocket.preUpgradeBody) return new ErrorReply(403)
  return renderReply({ error, status: 403 }, request, settings)
}

/** Status and body as the SuperTokens front ends expect them. */
export function sessionErrorHandler(error: SessionError, request: FastifyRequest): ErrorReply {
  const { settings } = tableFor(request)
  const status = sessionStatus(error, settings)
  const body = sessionBody(error)
  if (settings.sessionBody === 'wire') return new ErrorReply(status, body)
  if (settings.sessionBody === 'both')
    return new ErrorReply(status, { ...body, detail: body['message'] })
  const { claimValidationErrors } = body
  const detail = claimValidationErrors === undefined ? body['message'] : body
  return renderReply({ status, error, detail }, request, settings)
}

/** 500 that says nothing about what happened. */
export function serverErrorHandler(error: Error, request: FastifyRequest): ErrorReply {
  const { settings } = tableFor(request)
  if (settings.compat === 'fastapi-strict') {
    return new ErrorReply(500, 'Internal Server Error', { type: 'text/plain; charset=utf-8' })
  }
  const detail = settings.exposeServerErrors ? error.message : undefined
  return renderReply({ status: 500, error, detail }, request, settings)
}

/** The default reply to a failure; the debug page needs time to read source files. */
export function answerByDefault(
  failure: Failure,
  request: FastifyRequest
): ErrorReply | Promise<ErrorReply> {
  const { kind, error, status, detail, code } = failure
  switch (kind) {
    case 'http':
      return renderReply({ status, error, detail, code }, request, tableFor(request).settings)
    case 'session':
      return sessionErrorHandler(error as SessionError, request)
    case 'validation':
      return error instanceof WebSocketRequestValidationError
        ? webSocketRequestValidationExceptionHandler(error, request)
        : requestValidationExceptionHandler(error as RequestValidationError, request)
    case 'websocket':
      return webSocketExceptionHandler(error as WebSocketException, request)
    case 'server':
      if (tableFor(request).settings.debug !== false) return debugReply(error, request)
      return serverErrorHandler(error, request)
  }
}
