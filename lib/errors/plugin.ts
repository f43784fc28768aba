import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, RouteOptions } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { checkNames } from '../options/checks.ts'
import { AllowedMethods } from './allowed-methods.ts'
import { handleError } from './error-handler.ts'
import { installNotFound } from './not-found.ts'
import { type ErrorSettings, type ErrorsOptions, resolveErrorSettings } from './options.ts'
import { ExceptionRegistryError, HandlerMaps } from './registry.ts'
import { type ErrorLayer, isRegistered, noteInstance, ownScope, scopeOf, tableOf } from './scope.ts'
import { sessionEntries } from './session-error-handlers.ts'
import type { ErrorForKey, ExceptionHandler, ExceptionKey } from './types.ts'
import { convertAttachedError, formatSchemaErrors } from './validation/request-errors.ts'
import { wrapSocketHandlers } from './websocket/socket-errors.ts'

/**
 * Error handling as a plugin of its own, without sessions.
 *
 * Register it with `await` and before routes: a route keeps the error handler that was there when it
 * was declared. In a child scope its options are laid over those of the parent.
 */
const errors: FastifyPluginAsync<ErrorsOptions> = async (instance, options) => {
  if (isRegistered(instance)) {
    throw new ExceptionRegistryError('SUPERSESSION_ERRORS_ALREADY_REGISTERED')
  }
  installErrors(instance, options)
}

/** Answers everything that an app throws. Register it with `await`, before the routes. */
export const errorsPlugin: FastifyPluginAsync<ErrorsOptions> = fastifyPlugin(errors, {
  name: 'fastify-supersession-errors',
  fastify: '>=5.0.0'
})

/**
 * Makes errors of an instance go through the registry, with these options.
 *
 * Where an instance or a parent of it has error handling from here already, that stays and the
 * options are laid over it for this scope: this is how the sessions plugin hands in its handlers,
 * whether or not the app has registered the errors plugin by itself.
 *
 * @param clearTokens - Takes the tokens from the client of an error that asks for it.
 * @throws OptionsError for an option that is wrong.
 */
export function installErrors(
  instance: FastifyInstance,
  options: ErrorsOptions,
  clearTokens?: (request: FastifyRequest) => void
): void {
  const inherited = scopeOf(instance)
  const resolved = resolveErrorSettings(options, inherited?.table.settings)
  const settings = clearTokens === undefined ? resolved : { ...resolved, clearTokens }
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
  // The app keeps Fastify's sentences where it keeps Fastify's bodies.
  if (settings.compat !== 'fastify') instance.setSchemaErrorFormatter(formatSchemaErrors)
  if (inherited === undefined && settings.notFound) installNotFound(instance, layer)
}

function refuseDebugInProduction({ debug }: ErrorSettings, instance: FastifyInstance): void {
  if (debug === false) return
  const { NODE_ENV } = process.env
  if (debug !== 'force' && NODE_ENV !== 'development' && NODE_ENV !== 'test')
    throw new ExceptionRegistryError('SUPERSESSION_DEBUG_IN_PRODUCTION')
  instance.log.warn('unhandled errors are answered by tracebacks, which show source code')
}

/** What is done once per tree of scopes. */
function installLayer(instance: FastifyInstance, settings: ErrorSettings): ErrorLayer {
  const knowsMethods = settings.notFound && settings.methodNotAllowed
  const allowed = knowsMethods ? new AllowedMethods(instance) : undefined
  const layer: ErrorLayer = { frozen: false, allowed, notFound: undefined }
  instance.setErrorHandler(handleError)
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
    allowed?.add(route)
    noteInstance(route, this)
    prepareRoute(this, route)
  })
  return layer
}

/** The decorators that set handlers, for HTTP or for WebSockets. */
function handlerSetter(
  layer: ErrorLayer,
  table: 'handlers' | 'webSocketHandlers'
): (key: ExceptionKey, handler: never, options?: { override?: boolean }) => FastifyInstance {
  return function setHandler(this: FastifyInstance, key, handler, options) {
    if (layer.frozen) throw new ExceptionRegistryError('SUPERSESSION_HANDLERS_FROZEN')
    checkNames(options ?? {}, ['override'], 'setExceptionHandler')
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

/** What is done with every route as it is declared. */
function prepareRoute(instance: FastifyInstance, route: RouteOptions): void {
  const handlers = route.config?.exceptionHandlers
  // A wrong table should fail at start, and not with the first error of the route.
  if (handlers !== undefined) new HandlerMaps().setAll(handlers, instance)
  if (route.attachValidation)
    route.preHandler = [convertAttachedError, ...[route.preHandler ?? []].flat()]
}
