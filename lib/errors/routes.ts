import type { FastifyInstance, RouteOptions } from 'fastify'
import { HandlerMaps } from './handler-maps.ts'
import type { ErrorSettings } from './settings.ts'
import { addValidationHooks } from './validation/route-hooks.ts'

/** What is done with every route as it is declared. */
export function prepareRoute(
  instance: FastifyInstance,
  route: RouteOptions,
  settings: ErrorSettings
): void {
  const handlers = route.config?.exceptionHandlers
  // A wrong table should fail at start, and not with the first error of the route.
  if (handlers !== undefined) new HandlerMaps().setAll(handlers, instance)
  addValidationHooks(route, settings)
}
