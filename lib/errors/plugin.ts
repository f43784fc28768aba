import type { FastifyPluginAsync } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { installErrors } from './install.ts'
import { ExceptionRegistryError } from './registry-error.ts'
import { isRegistered } from './scope.ts'
import type { ErrorsOptions } from './types.ts'

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

export const errorsPlugin: FastifyPluginAsync<ErrorsOptions> = fastifyPlugin(errors, {
  name: 'fastify-supersession-errors',
  fastify: '>=5.0.0'
})
