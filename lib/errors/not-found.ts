import type { FastifyReply, FastifyRequest } from 'fastify'
import { HTTPException } from './http-exception.ts'
import { scopeOf } from './scope.ts'

/**
 * Answers a path that leads nowhere through the handlers of 404, 405 and `HTTPException`.
 *
 * The exception is sent and not thrown, so that `reply.callNotFound()` inside an exception handler
 * ends up in the same place. The URL is not repeated to the client.
 */
export function notFoundHandler(request: FastifyRequest, reply: FastifyReply): void {
  const methods = scopeOf(request.server)?.layer.routes?.methodsOf(request.url) ?? []
  // A route that calls reply.callNotFound() has the method: what is missing is something else.
  if (methods.length === 0 || methods.includes(request.method)) {
    reply.send(new HTTPException(404))
  } else {
    reply.send(new HTTPException(405, undefined, { headers: { allow: methods.join(', ') } }))
  }
}
