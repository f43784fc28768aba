import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { diag, type Meter, metrics } from '@opentelemetry/api'
import { checkNames } from '../options/checks.ts'
import type { SessionMessage } from '../session/events.ts'

/** What `recordSessionMetrics` takes. */
export interface SessionMetricsOptions {
  /** Where instruments are made. @defaultValue that of the global meter provider */
  readonly meter?: Meter
}

/** A message of the channel; `refused` comes from the errors. */
type Message =
  | SessionMessage
  | { readonly kind: 'refused'; readonly reason: string | undefined; readonly status: number }

const CHANNEL = 'fastify-supersession:session'

/**
 * Turns the events of all apps in this process into metrics:
 *
 * - `supersession.session.events`, a counter, by `supersession.event`: `created`, `refreshed`,
 *   `confirmed`, `reused`, `theft`, `bound`, `keys-rotated`, and `revoked`, which counts sessions;
 * - `supersession.session.refusals`, a counter, by `error.type`, the reason, and
 *   `http.response.status_code`;
 * - `supersession.revocations.age`, a gauge in seconds: how old the knowledge of revocations is.
 *
 * @returns Ends it.
 * @throws OptionsError An option is unknown.
 */
export function recordSessionMetrics(options: SessionMetricsOptions = {}): () => void {
  const given: unknown = options
  checkNames(given, ['meter'], 'recordSessionMetrics')
  const meter = options.meter ?? metrics.getMeter('fastify-supersession')
  const events = meter.createCounter('supersession.session.events', {
    description: 'What has become of sessions.',
    unit: '{event}'
  })
  const refusals = meter.createCounter('supersession.session.refusals', {
    description: 'Requests whose session was refused.',
    unit: '{request}'
  })
  const age = meter.createGauge('supersession.revocations.age', {
    description: 'How old the knowledge of revocations by other processes is.',
    unit: 's'
  })
  const count = (message: Message): void => {
    if (message.kind === 'refused') {
      const { reason = 'other', status } = message
      refusals.add(1, { 'error.type': reason, 'http.response.status_code': status })
    } else if (message.kind === 'revocations-read') age.record(message.ageMs / 1000)
    else
      events.add(message.kind === 'revoked' ? message.sessionHandles.length : 1, {
        'supersession.event': message.kind
      })
  }
  // What a subscriber throws ends the process.
  const onMessage = (message: unknown): void => {
    try {
      count(message as Message)
    } catch (error) {
      diag.error('fastify-supersession: an event of sessions was not counted', error)
    }
  }
  subscribe(CHANNEL, onMessage)
  return () => void unsubscribe(CHANNEL, onMessage)
}
