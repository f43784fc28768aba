import type { FastifyReply, FastifyRequest } from 'fastify'
import { logSafely } from './log.ts'

/** Ends a reply that had begun when the error came: nothing honest can be added to it. */
export function endLate(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  logSafely(request, 'error', 'request failed after its reply had begun', () => ({ err: error }))
  reply.hijack()
  reply.raw.destroy()
}

/** Notes an error of a request whose client has gone; nobody is there to be answered. */
export function noteAborted(error: unknown, request: FastifyRequest): void {
  logSafely(request, 'info', 'client aborted', () => ({ reason: String(error) }))
}
