import type { FastifyInstance } from 'fastify'
import type {
  ErrorForKey,
  ErrorsOptions,
  ExceptionHandler,
  ExceptionKey
} from '../../types/errors.d.ts'
import { dispatch } from './dispatcher.ts'
import { HandlerMaps } from './handler-maps.ts'
import { notFoundHandler } from './not-found.ts'
import { ExceptionRegistryError } from './registry-error.ts'
import { type ErrorLayer, type ExceptionScope, ownScope, scopeOf } from './scope.ts'
import { sessionEntries } from './session-callbacks.ts'
import { resolveSettings } from './settings.ts'

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
  const layer = inherited?.layer ?? installLayer(instance)
  const scope = ownScope(instance, layer)
  scope.settings = settings
  if (options.errorHandlers !== undefined) {
    scope.handlers.setAll(sessionEntries(options.errorHandlers), instance)
  }
  if (options.exceptionHandlers !== undefined) {
    scope.handlers.setAll(options.exceptionHandlers, instance)
  }
  if (inherited === undefined && settings.notFound) installNotFound(instance)
}

/** What is done once per tree of scopes. */
function installLayer(instance: FastifyInstance): ErrorLayer {
  const layer: ErrorLayer = { frozen: false }
  instance.setErrorHandler(dispatch)
  instance.decorate('setExceptionHandler', handlerSetter(layer))
  instance.decorate('getExceptionHandler', getExceptionHandler)
  instance.addHook('onReady', (done) => {
    layer.frozen = true
    done()
  })
  instance.addHook('onRoute', ({ config }) => {
    // A wrong table should fail at start, and not with the first error of the route.
    if (config?.exceptionHandlers) new HandlerMaps().setAll(config.exceptionHandlers, instance)
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

/** The decorator `setExceptionHandler` of one layer. */
function handlerSetter(layer: ErrorLayer): FastifyInstance['setExceptionHandler'] {
  return function setExceptionHandler(this: FastifyInstance, key, handler, options) {
    if (layer.frozen) throw new ExceptionRegistryError('SUPERSESSION_HANDLERS_FROZEN')
    const entry = { key, handler: handler as ExceptionHandler, owner: this, overrides: undefined }
    ownScope(this, layer).handlers.set(entry, options?.override)
    return this
  }
}

function getExceptionHandler<const K extends ExceptionKey>(
  this: FastifyInstance,
  key: K
): ExceptionHandler<ErrorForKey<K>> | undefined {
  const { table } = scopeOf(this) as ExceptionScope
  return table.get(key)?.handler as ExceptionHandler<ErrorForKey<K>> | undefined
}
