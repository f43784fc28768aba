import type { FastifyRequest } from 'fastify'
import { debugReply } from './debug-page.ts'
import { ErrorReply } from './error-reply.ts'
import type { Failure } from './failure.ts'
import type { HTTPException } from './http-exception.ts'
import { renderReply } from './render.ts'
import { jsonType } from './renderers.ts'
import { tableFor } from './scope.ts'
import type { SessionError } from './session-errors.ts'
import { constantBodies, sessionBody, sessionStatus } from './session-replies.ts'
import type { ErrorSettings } from './settings.ts'
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
  return renderReply({ status, error, detail, code }, request, settingsFor(request))
}

/** 422 with the list of issues. */
export function requestValidationExceptionHandler(
  error: RequestValidationError,
  request: FastifyRequest
): ErrorReply {
  return validationReply(error, request, settingsFor(request))
}

/** The same for a WebSocket, whose request is still HTTP; a 403 does not say why, as in FastAPI. */
export function webSocketRequestValidationExceptionHandler(
  error: WebSocketRequestValidationError,
  request: FastifyRequest
): ErrorReply {
  return socketValidationReply(error, request, settingsFor(request))
}

/** Before the upgrade a WebSocket is refused as Starlette refuses it. */
export function webSocketExceptionHandler(
  error: WebSocketException,
  request: FastifyRequest
): ErrorReply {
  return socketReply(error, request, settingsFor(request))
}

/** Status and body as the SuperTokens front ends expect them. */
export function sessionErrorHandler(error: SessionError, request: FastifyRequest): ErrorReply {
  return sessionReply(error, request, settingsFor(request))
}

/** 500 that says nothing about what happened. */
export function serverErrorHandler(error: Error, request: FastifyRequest): ErrorReply {
  return serverReply(error, request, settingsFor(request))
}

/** The default reply to a failure; the debug page needs time to read source files. */
export function answerByDefault(
  failure: Failure,
  request: FastifyRequest,
  settings: ErrorSettings
): ErrorReply | Promise<ErrorReply> {
  const { kind, error } = failure
  switch (kind) {
    case 'http':
      return renderReply(failure, request, settings)
    case 'session':
      return sessionReply(error as SessionError, request, settings)
    case 'validation':
      return error instanceof WebSocketRequestValidationError
        ? socketValidationReply(error, request, settings)
        : validationReply(error as RequestValidationError, request, settings)
    case 'websocket':
      return socketReply(error as WebSocketException, request, settings)
    case 'server':
      if (settings.debug !== false) return debugReply(error, request)
      return serverReply(error, request, settings)
  }
}

function settingsFor(request: FastifyRequest): ErrorSettings {
  return tableFor(request).settings
}

function validationReply(
  error: RequestValidationError,
  request: FastifyRequest,
  settings: ErrorSettings
): ErrorReply {
  const { code, message: detail } = error
  const { status } = settings.validation
  return renderReply({ status, error, detail, issues: error.errors(), code }, request, settings)
}

function socketValidationReply(
  error: WebSocketRequestValidationError,
  request: FastifyRequest,
  settings: ErrorSettings
): ErrorReply {
  const { rejectStatus: status, preUpgradeBody } = settings.websocket
  if (!preUpgradeBody) return new ErrorReply(status)
  const issues = status === 422 ? error.errors() : undefined
  return renderReply({ status, error, issues }, request, settings)
}

function socketReply(
  error: WebSocketException,
  request: FastifyRequest,
  settings: ErrorSettings
): ErrorReply {
  if (!settings.websocket.preUpgradeBody) return new ErrorReply(403)
  return renderReply({ status: 403, error }, request, settings)
}

function sessionReply(
  error: SessionError,
  request: FastifyRequest,
  settings: ErrorSettings
): ErrorReply {
  const status = sessionStatus(error, settings)
  const constant = constantBodies.get(error.type)
  if (settings.sessionBody === 'wire' && constant !== undefined) {
    return new ErrorReply(status, constant, { type: jsonType })
  }
  const body = sessionBody(error)
  if (settings.sessionBody === 'wire') return new ErrorReply(status, body)
  if (settings.sessionBody === 'both') {
    return new ErrorReply(status, { ...body, detail: body['message'] })
  }
  const detail = 'claimValidationErrors' in body ? body : body['message']
  return renderReply({ status, error, detail }, request, settings)
}

function serverReply(error: Error, request: FastifyRequest, settings: ErrorSettings): ErrorReply {
  if (settings.compat === 'fastapi-strict') {
    return new ErrorReply(500, 'Internal Server Error', { type: 'text/plain; charset=utf-8' })
  }
  const detail = settings.exposeServerErrors ? error.message : undefined
  return renderReply({ status: 500, error, detail }, request, settings)
}
