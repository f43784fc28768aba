import 'fastify'
import type {
  ErrorForKey,
  ErrorResponses,
  ExceptionHandler,
  ExceptionKey,
  HandlerTable,
  WebSocketExceptionHandler,
  WebSocketLike
} from 'fastify-supersession/errors'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Sets the handler of an error in this scope and the scopes below it.
     *
     * @param options.override - Replace a handler this scope has set for the key already.
     * @throws OptionsError for a key or handler of a wrong kind, ExceptionRegistryError for a key set
     * twice or a call after the app is ready.
     */
    setExceptionHandler<const K extends ExceptionKey>(
      key: K,
      handler: ExceptionHandler<ErrorForKey<K>>,
      options?: { override?: boolean }
    ): this
    /** Sets the handler of an error that a WebSocket's handler throws after the upgrade. */
    setWebSocketExceptionHandler<
      const K extends ExceptionKey,
      S extends WebSocketLike = WebSocketLike
    >(
      key: K,
      handler: WebSocketExceptionHandler<ErrorForKey<K>, S>,
      options?: { override?: boolean }
    ): this
    /** The handler that is in force for a key in this scope, defaults left out. */
    getExceptionHandler<const K extends ExceptionKey>(
      key: K
    ): ExceptionHandler<ErrorForKey<K>> | undefined
  }
  interface FastifyContextConfig {
    /** Handlers of this route alone. */
    exceptionHandlers?: HandlerTable
    /** Errors to document for this route; see `errorResponsesTransform`. */
    errorResponses?: ErrorResponses
  }
}
