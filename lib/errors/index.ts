/// <reference path="../../types/fastify-errors.d.ts" preserve="true" />
import { errorsPlugin } from './plugin.ts'

export { OptionsError } from '../options/checks.ts'
export { afterResponse } from './after-response.ts'
export { clientErrorHandler, frameworkErrorsHandler } from './client-errors.ts'
export {
  httpExceptionHandler,
  requestValidationExceptionHandler,
  serverErrorHandler,
  sessionErrorHandler,
  webSocketExceptionHandler,
  webSocketRequestValidationExceptionHandler
} from './default-handlers.ts'
export { ErrorReply } from './error-reply.ts'
export {
  type ExceptionInit,
  type HeaderBag,
  HTTPException,
  StoreUnavailableError
} from './http-exception.ts'
export { notFoundHandler } from './not-found.ts'
export {
  type DocumentedException,
  type ErrorResponses,
  type ErrorResponsesOptions,
  errorResponsesTransform,
  sessionSecuritySchemes
} from './openapi/error-responses.ts'
export type { ErrorsOptions, ValidationOptions } from './options.ts'
export { ExceptionRegistryError, on } from './registry.ts'
export { renderDetail, renderFastify, renderProblem } from './render.ts'
export type {
  ExceptionMessage,
  HandledMessage,
  HandlerFailedMessage,
  LateMessage,
  SessionRefusedMessage
} from './report.ts'
export {
  type ClaimValidationError,
  ClearDuplicateSessionCookiesError,
  InvalidClaimsError,
  SessionError,
  type SessionErrorReason,
  TokenTheftDetectedError,
  type TokenTheftPayload,
  TryRefreshTokenError,
  UnauthorisedError
} from './session-errors.ts'
export { safeHook, ThrownValueError } from './thrown-value.ts'
export type {
  ErrorClass,
  ErrorCodeMap,
  ErrorForKey,
  ErrorRenderer,
  ExceptionHandler,
  ExceptionKey,
  HandlerContext,
  HandlerEntry,
  HandlerResult,
  HandlerTable,
  RenderedBody,
  RenderInput,
  SessionErrorHandlers,
  SessionErrorMap,
  WebSocketExceptionHandler,
  WebSocketLike
} from './types.ts'
export {
  type RequestPart,
  RequestValidationError,
  ResponseValidationError,
  type ValidationIssue,
  WebSocketRequestValidationError
} from './validation/validation-error.ts'
export { guardSocket, webSocketErrorHandler } from './websocket/socket-errors.ts'
export { WebSocketException } from './websocket/websocket-exception.ts'
export default errorsPlugin
