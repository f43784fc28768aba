/// <reference path="../../types/fastify-errors.d.ts" preserve="true" />
import { errorsPlugin } from './plugin.ts'

export { OptionsError } from '../options/options-error.ts'
export { afterResponse } from './after-response.ts'
export type {
  HandledMessage,
  HandlerFailedMessage,
  LateMessage,
  SessionRejectedMessage
} from './channels.ts'
export {
  httpExceptionHandler,
  requestValidationExceptionHandler,
  serverErrorHandler,
  sessionErrorHandler,
  webSocketExceptionHandler,
  webSocketRequestValidationExceptionHandler
} from './default-handlers.ts'
export { DEFERRED, ErrorReply } from './error-reply.ts'
export { on } from './handler-maps.ts'
export { HTTPException } from './http-exception.ts'
export { notFoundHandler } from './not-found.ts'
export {
  type ErrorResponsesOptions,
  errorResponsesTransform,
  schemaNameResolver
} from './openapi/error-responses.ts'
export { recordUnhandled } from './record-unhandled.ts'
export { ExceptionRegistryError } from './registry-error.ts'
export {
  type ProblemOptions,
  problemRenderer,
  renderDetail,
  renderFastify,
  renderProblem
} from './renderers.ts'
export { safeHook } from './safe-hook.ts'
export { clientErrorHandler, frameworkErrorsHandler } from './server-errors.ts'
export {
  ClearDuplicateSessionCookiesError,
  InvalidClaimsError,
  SessionError,
  TokenTheftDetectedError,
  TryRefreshTokenError,
  UnauthorisedError
} from './session-errors.ts'
export { StoreUnavailableError } from './store-unavailable-error.ts'
export { type SDKSession, wrapSdkVerifySession } from './supertokens-bridge.ts'
export { SupertokensError } from './supertokens-errors.ts'
export { ThrownValueError } from './thrown-value-error.ts'
export type {
  ClaimValidationError,
  DocumentedException,
  ErrorClass,
  ErrorCodeMap,
  ErrorForKey,
  ErrorRenderer,
  ErrorResponses,
  ErrorsOptions,
  ExceptionHandler,
  ExceptionInit,
  ExceptionKey,
  HandlerContext,
  HandlerEntry,
  HandlerResult,
  HandlerTable,
  HeaderBag,
  RenderedBody,
  RenderInput,
  RequestPart,
  SessionErrorHandlers,
  SessionErrorMap,
  TokenTheftPayload,
  ValidationIssue,
  ValidationOptions,
  WebSocketExceptionHandler,
  WebSocketLike,
  WebSocketOptions
} from './types.ts'
export {
  RequestValidationError,
  ResponseValidationError,
  WebSocketRequestValidationError
} from './validation/validation-error.ts'
export { guardSocket, webSocketErrorHandler } from './websocket/socket-errors.ts'
export { WebSocketException } from './websocket/websocket-exception.ts'
export default errorsPlugin
