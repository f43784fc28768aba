import type { FastifyInstance } from 'fastify'
import { dispatch } from './dispatcher.ts'
import { notFoundHandler } from './not-found.ts'
import { ExceptionRegistryError } from './registry-error.ts'
import { RouteIndex } from './route-index.ts'
import { prepareRoute } from './routes.ts'
import { type ErrorLayer, ownScope, scopeOf, tableOf } from './scope.ts'
import { sessionEntries } from './session-callbacks.ts'
import { type ErrorSettings, resolveSettings } from './settings.ts'
import { bridgeEntries } from './supertokens-bridge.ts'
import type { ErrorForKey, ErrorsOptions, ExceptionHandler, ExceptionKey } from './types.ts'
import { formatSchemaErrors } from './validation/error-formatter.ts'
import { keepJsonOffset } from './validation/json-offset.ts'
import { wrapSocketHandlers } from './websocket/websocket-routes.ts'

/**
 * Makes errors of an instance go through the registry, with these options.
 *
 * Where an instance or a parent of it has error handling from here already, that stays and the
 * options are laid over it for this scope: this is how the sessions plugin hands in `clearTokens`
 * and its handlers, whether or not the app has registered the errors plugin by itself.
 *
 * @throws OptionsError for an option that is wrong.
 */
export function installErrors(instance: FastifyInstance, options: ErrorsOptions): void {
  const inherited = scopeOf(instance)
  const settings = resolveSettings(options, inherited?.table.settings)
  refuseDebugInProduction(settings, instance)
  const layer = inherited?.layer ?? installLayer(instance, settings)
  const scope = ownScope(instance, layer)
  scope.settings = settings
  if (options.errorHandlers !== undefined) {
    scope.handlers.setAll(sessionEntries(options.errorHandlers), instance)
  }
  if (options.exceptionHandlers !== undefined) {
    scope.handlers.setAll(options.exceptionHandlers, instance)
  }
  if (options.supertokens !== undefined) {
    for (const [key, handler] of bridgeEntries(options.supertokens.errorHandler)) {
      // What the app says for a key goes first.
      const entry = { key, handler, owner: instance, overrides: undefined }
      if (scope.handlers.get(key) === undefined) scope.handlers.set(entry)
    }
  }
  if (settings.validation.jsonOffset) keepJsonOffset(instance)
  // The app keeps Fastify's sentences where it keeps Fastify's bodies.
  if (settings.compat !== 'fastify') instance.setSchemaErrorFormatter(formatSchemaErrors)
  if (inherited === undefined && settings.notFound) installNotFound(instance)
}

function refuseDebugInProduction({ debug }: ErrorSettings, instance: FastifyInstance): void {
  if (debug === false) return
  if (debug !== 'force' && process.env['NODE_ENV'] === 'production') {
    throw new ExceptionRegistryError('SUPERSESSION_DEBUG_IN_PRODUCTION')
  }
  instance.log.warn('unhandled errors are answered by tracebacks, which show source code')
}

/** What is done once per tree of scopes. */
function installLayer(instance: FastifyInstance, settings: ErrorSettings): ErrorLayer {
  const hasIndex = settings.notFound && settings.methodNotAllowed
  const routes = hasIndex ? new RouteIndex(instance) : undefined
  const layer: ErrorLayer = { frozen: false, routes }
  instance.setErrorHandler(dispatch)
  instance.decorate('setExceptionHandler', handlerSetter(layer, 'handlers') as never)
  instance.decorate(
    'setWebSocketExceptionHandler',
    handlerSetter(layer, 'webSocketHandlers') as never
  )
  instance.decorate('getExceptionHandler', getExceptionHandler)
  instance.addHook('onReady', (done) => {
    layer.frozen = true
    done()
  })
  const comesFirst = !instance.hasDecorator('websocketServer')
  if (!comesFirst) {
    instance.log.info(
      '@fastify/websocket was registered first: errors of its handlers only come here if webSocketErrorHandler is its errorHandler'
    )
  }
  instance.addHook('onRoute', function (route) {
    if (comesFirst) wrapSocketHandlers(route)
    routes?.add(route)
    prepareRoute(this, route, tableOf(this).settings)
  })
  return layer
}

function installNotFound(instance: FastifyInstance): void {
  try {
    instance.setNotFoundHandler(notFoundHandler)
  } catch {
    instance.log.info('the app has a not-found handler of its own, which stays in charge')
  }
}

/** The decorators that set handlers, for HTTP or for WebSockets. */
function handlerSetter(
  layer: ErrorLayer,
  table: 'handlers' | 'webSocketHandlers'
): (key: ExceptionKey, handler: never, options?: { override?: boolean }) => FastifyInstance {
  return function setHandler(this: FastifyInstance, key, handler, options) {
    if (layer.frozen) throw new ExceptionRegistryError('SUPERSESSION_HANDLERS_FROZEN')
    const entry = { key, handler: handler as ExceptionHandler, owner: this, overrides: undefined }
    ownScope(this, layer)[table].set(entry, options?.override)
    return this
  }
}

function getExceptionHandler<const K extends ExceptionKey>(
  this: FastifyInstance,
  key: K
): ExceptionHandler<ErrorForKey<K>> | undefined {
  return tableOf(this).get(key)?.handler as ExceptionHandler<ErrorForKey<K>> | undefined
}
