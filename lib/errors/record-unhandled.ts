import type { FastifyInstance } from 'fastify'
import { channels, type HandledMessage } from './channels.ts'

/**
 * Collects the unhandled errors of an app, for tests: its replies say no more than 500.
 *
 * @returns The list, which grows until the app closes.
 */
export function recordUnhandled(app: FastifyInstance): readonly Error[] {
  const errors: Error[] = []
  const record = (message: unknown) => {
    const { error, request } = message as HandledMessage
    if (request.server === app || Object.prototype.isPrototypeOf.call(app, request.server)) {
      errors.push(error)
    }
  }
  channels.unhandled.subscribe(record)
  app.addHook('onClose', async () => {
    channels.unhandled.unsubscribe(record)
  })
  return errors
}
