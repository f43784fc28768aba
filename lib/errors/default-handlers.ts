import { STATUS_CODES } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { debugReply } from './debug-page.ts'
import { ErrorReply } from './error-reply.ts'
import { type HTTPException, reasonPhrase } from './http-exception.ts'
import type { ErrorSettings } from './options.ts'
import { JSON_TYPE, renderDetail, renderSafely, stringifyJson, stringifyPlain } from './render.ts'
import { tableFor } from './scope.ts'
import { constantBodies, sessionBody, sessionStatus } from './session-error-handlers.ts'
import type { SessionError } from './session-errors.ts'
import type { NormalizedError } from './types.ts'
import {
  type RequestValidationError,
  type ValidationIssue,
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

/** The same for a WebSocket, whose request is still HTTP. */
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
  return sessionReply(error, settingsFor(request))
}

/** 500 that says nothing about what happened. */
export function serverErrorHandler(error: Error, request: FastifyRequest): ErrorReply {
  return renderReply({ status: 500, error }, request, settingsFor(request))
}

/** The default reply to a failure; the debug page needs time to read source files. */
export function defaultReply(
  normalized: NormalizedError,
  request: FastifyRequest,
  settings: ErrorSettings
): ErrorReply | Promise<ErrorReply> {
  const { kind, error } = normalized
  switch (kind) {
    case 'http':
      return renderReply(normalized, request, settings)
    case 'session':
      return sessionReply(error as SessionError, settings)
    case 'validation':
      return error instanceof WebSocketRequestValidationError
        ? socketValidationReply(error, request, settings)
        : validationReply(error as RequestValidationError, request, settings)
    case 'websocket':
      return socketReply(error as WebSocketException, request, settings)
    case 'server':
      if (settings.debug !== false) return debugReply(error, request)
      return renderReply({ status: normalized.status, error }, request, settings)
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
  return renderReply({ status: 422, error, issues: error.errors() }, request, settings)
}

function socketReply(
  error: WebSocketException,
  request: FastifyRequest,
  settings: ErrorSettings
): ErrorReply {
  return renderReply({ status: 403, error }, request, settings)
}

function sessionReply(error: SessionError, settings: ErrorSettings): ErrorReply {
  const status = sessionStatus(error, settings)
  const constant = constantBodies.get(error.type)
  if (constant !== undefined) return new ErrorReply(status, constant, { type: JSON_TYPE })
  return new ErrorReply(status, sessionBody(error))
}

interface Renderable {
  readonly status: number
  readonly error: Error
  /** What may be shown; `undefined` stands for the reason phrase. */
  readonly detail?: unknown
  readonly issues?: readonly ValidationIssue[] | undefined
  readonly code?: string | undefined
}

/** Most errors say no more than their status: these bodies are made once. */
const phraseBodies: ReadonlyMap<number, string> = new Map(
  Object.entries(STATUS_CODES).map(([status, detail]) => [
    Number(status),
    JSON.stringify({ detail })
  ])
)

/** The reply to an error in the form the scope's renderer gives it, as a string already. */
function renderReply(
  { status, error, detail, issues, code }: Renderable,
  request: FastifyRequest,
  { render }: ErrorSettings
): ErrorReply {
  const isPlain = render === renderDetail
  const plainBody = isPlain ? plainBodyOf(status, detail, issues) : undefined
  if (plainBody !== undefined) return new ErrorReply(status, plainBody, { type: JSON_TYPE })
  const input = {
    status,
    error,
    detail: detail === undefined ? reasonPhrase(status) : detail,
    request,
    ...(issues && { issues }),
    ...(code !== undefined && !isPlain && { code })
  }
  const onUnserializable = () =>
    request.log.warn('a part of an error detail could not be serialised')
  const { type = JSON_TYPE, body } = renderSafely(render, input, request.log)
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
  return new ErrorReply(status, isRaw ? body : stringifyJson(body, onUnserializable), { type })
}

/** The body of the detail renderer for details that need no care, which are nearly all. */
function plainBodyOf(
  status: number,
  detail: unknown,
  issues: Renderable['issues']
): string | undefined {
  // Issues are made here, of strings and numbers; what a full echo may hold besides is the input.
  if (issues !== undefined) return `{"detail":${stringifyPlain(issues)}}`
  if (detail === undefined) return phraseBodies.get(status)
  return typeof detail === 'string' ? `{"detail":${JSON.stringify(detail)}}` : undefined
}
