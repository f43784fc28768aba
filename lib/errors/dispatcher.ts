import type { FastifyReply, FastifyRequest } from 'fastify'
import { Answering } from './answering.ts'
import { endLate, noteAborted } from './late.ts'

/**
 * The function behind `setErrorHandler`: finds the handler for whatever was thrown, and sees to it
 * that the client gets one reply.
 *
 * It sends by itself and returns nothing, also while a handler's promise is open.
 */
export function dispatch(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (reply.raw.headersSent) endLate(thrown, request, reply)
  else if (reply.raw.destroyed) noteAborted(thrown, request)
  else new Answering(thrown, request, reply).start()
}
