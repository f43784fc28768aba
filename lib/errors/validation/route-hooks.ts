import type { FastifyRequest, preHandlerHookHandler, RouteOptions } from 'fastify'
import { tableFor } from '../scope.ts'
import type { ErrorSettings } from '../settings.ts'
import { captureBody } from './captured-body.ts'
import { recogniseRequestError } from './request-errors.ts'

/** Gives a route the hooks that its options and those of validation ask for; most get none. */
export function addValidationHooks(route: RouteOptions, settings: ErrorSettings): void {
  if (settings.validation.captureBody && route.schema?.body !== undefined) {
    // Last, so that it sees what the route's own preValidation hooks made of the body.
    route.preValidation = [...listOf(route.preValidation), captureBodyHook]
  }
  if (route.attachValidation) {
    route.preHandler = [convertAttachedError, ...listOf(route.preHandler)]
  }
}

function listOf<T>(hooks: T | T[] | undefined): T[] {
  if (hooks === undefined) return []
  return Array.isArray(hooks) ? hooks : [hooks]
}

const captureBodyHook: preHandlerHookHandler = (request, _reply, done) => {
  captureBody(request)
  done()
}

/** With `attachValidation` a handler finds the error on the request, as a `RequestValidationError`. */
const convertAttachedError: preHandlerHookHandler = (request, _reply, done) => {
  const holder: { validationError?: FastifyRequest['validationError'] } = request
  const error = holder.validationError
  if (error !== undefined) {
    const converted = recogniseRequestError(error, request, tableFor(request).settings)
    Object.assign(holder, { validationError: converted ?? error })
  }
  done()
}
