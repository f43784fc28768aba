import type { FastifyReply, FastifyRequest } from 'fastify'
import { HTTPException } from './http-exception.ts'

/**
 * Answers a path that leads nowhere through the handlers of 404 and `HTTPException`.
 *
 * The exception is sent and not thrown, so that `reply.callNotFound()` inside an exception handler
 * ends up in the same place. The URL is not repeated to the client.
 */
export function notFoundHandler(_request: FastifyRequest, reply: FastifyReply): void {
  reply.send(new HTTPException(404))
}
