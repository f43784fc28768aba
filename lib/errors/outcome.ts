import type { FastifyReply, FastifyRequest } from 'fastify'
import { channels, type HandledMessage, type SessionRejectedMessage } from './channels.ts'
import type { Failure } from './failure.ts'
import type { Entry } from './handler-maps.ts'
import { logOutcome, logSafely } from './log.ts'
import type { ErrorSettings } from './settings.ts'

/** What became of a failure. */
export interface Outcome {
  readonly failure: Failure
  /** The first thing thrown in the request; another than the failure's when a handler threw. */
  readonly original: unknown
  /** The handler that answered; `undefined` for a default one. */
  readonly entry: Entry | undefined
  readonly status: number
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly startedNs: bigint
}

/** Logs an outcome, publishes it and tells the app about an error that nothing was prepared for. */
export function noteOutcome(outcome: Outcome, settings: ErrorSettings): void {
  const { failure, status, request } = outcome
  logOutcome(outcome, settings)
  if (isUnhandled(outcome)) {
    publish(channels.unhandled, outcome, null)
    runCallback(request, () => settings.onUnhandled?.(failure.error, request))
  } else {
    publish(channels.handled, outcome, outcome.entry?.key ?? null)
  }
  warnOfStatus(outcome, settings)
  const { sessionType: type } = failure
  if (type !== undefined && channels.sessionRejected.hasSubscribers) {
    channels.sessionRejected.publish({ type, status, request } satisfies SessionRejectedMessage)
  }
}

/** Handlers that were warned of already. */
const warned = new WeakSet<Entry>()

/** Front ends refresh, or log out, by the status alone; a handler with another one breaks both. */
function warnOfStatus({ failure, entry, status, request }: Outcome, settings: ErrorSettings): void {
  const { sessionType } = failure
  if (sessionType !== 'UNAUTHORISED' && sessionType !== 'TRY_REFRESH_TOKEN') return
  const expected = settings.sessionExpiredStatusCode
  if (entry === undefined || status === expected || warned.has(entry)) return
  warned.add(entry)
  const text = 'a handler answered a session error with a status that front ends do not act on'
  request.log.warn({ type: sessionType, status, expected }, text)
}

/** Runs a callback of the app whose failure must not become the reply's. */
export function runCallback(request: FastifyRequest, callback: () => void): void {
  try {
    callback()
  } catch (fault) {
    logSafely(request, 'error', 'a callback of the error options failed', () => ({ err: fault }))
  }
}

/** A catch-all answers what nobody foresaw; only a handler of the error's own kind handles it. */
function isUnhandled({ failure, entry }: Outcome): boolean {
  return (
    failure.kind === 'server' && (entry === undefined || entry.key === Error || entry.key === 500)
  )
}

function publish(
  to: (typeof channels)['handled'],
  { failure, original, status, request, reply, startedNs }: Outcome,
  key: HandledMessage['key']
): void {
  if (!to.hasSubscribers) return
  const durationNs = process.hrtime.bigint() - startedNs
  const { error } = failure
  to.publish({ error, original, key, status, request, reply, durationNs } satisfies HandledMessage)
}
