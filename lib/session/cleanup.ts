import { setImmediate as othersTurn } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { SessionStore } from '../stores/store.ts'
import type { Clock } from './clock.ts'

/** So many at a time, so that neither a large store nor this process stands still. */
const BATCH = 1000

/** Deletes what has expired, batch by batch. @returns How much. */
export async function deleteExpired(store: SessionStore, nowMs: number): Promise<number> {
  const deleted = await store.deleteExpired(nowMs, BATCH)
  if (deleted < BATCH) return deleted
  await othersTurn()
  return deleted + (await deleteExpired(store, nowMs))
}

export interface CleanupSettings {
  readonly clock: Clock
  readonly log: Pick<FastifyBaseLogger, 'error'>
  /** @defaultValue an hour: expired sessions are refused anyway, this is housekeeping. */
  readonly intervalMs?: number
}

/** Deletes what has expired, now and then until it is told to stop, and keeps no process alive. @returns Stops it. */
export function startCleanup(
  store: SessionStore,
  { clock, log, intervalMs = 3_600_000 }: CleanupSettings
): () => void {
  const timer = setInterval(() => {
    deleteByClock(store, clock).catch((error: unknown) => {
      // The next one tries again.
      log.error({ err: error }, 'expired sessions could not be deleted')
    })
  }, intervalMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** A clock that was set forward would take live sessions for expired ones. */
async function deleteByClock(store: SessionStore, clock: Clock): Promise<void> {
  await clock.sync()
  await deleteExpired(store, clock.now())
}
