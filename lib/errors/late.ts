import type { FastifyReply, FastifyRequest } from 'fastify'
import { channels, type LateMessage, type LatePhase } from './channels.ts'
import { logSafely } from './log.ts'
import { runCallback } from './outcome.ts'
import { tableFor } from './scope.ts'

const texts: Readonly<Record<LatePhase, string>> = {
  'headers-sent': 'request failed after its reply had begun',
  background: 'work after the reply failed'
}

/** Notes an error that came too late to be answered. */
export function noteLate(error: unknown, phase: LatePhase, request: FastifyRequest): void {
  logSafely(request, 'error', texts[phase], () => ({ err: error, phase }))
  if (channels.late.hasSubscribers) {
    channels.late.publish({ error, phase, request } satisfies LateMessage)
  }
  runCallback(request, () => tableFor(request).settings.onLate?.(error, request, phase))
}

/** Ends a reply that had begun when the error came: nothing honest can be added to it. */
export function endLate(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  noteLate(error, 'headers-sent', request)
  reply.hijack()
  reply.raw.destroy()
}

/** Notes an error of a request whose client has gone; nobody is there to be answered. */
export function noteAborted(error: unknown, request: FastifyRequest): void {
  logSafely(request, 'info', 'client aborted', () => ({ reason: String(error) }))
}
