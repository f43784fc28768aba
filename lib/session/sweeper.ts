import type { SessionStore } from '../../types/store.d.ts'

/** Expired sessions are refused anyway; this is housekeeping, and may take its time. */
const INTERVAL_MS = 3_600_000
/** So many at a time, so that a large store does not stand still. */
const BATCH = 1000

/** Deletes what has expired, batch by batch. @returns How much. */
export async function sweep(store: SessionStore, nowMs: number): Promise<number> {
  let total = 0
  for (let deleted = BATCH; deleted >= BATCH; total += deleted)
    deleted = await store.deleteExpired(nowMs, BATCH)
  return total
}

/**
 * Sweeps every hour until it is told to stop. Keeps no process alive.
 *
 * @param onError - A sweep failed; the next one tries again.
 * @returns Stops it.
 */
export function startSweeper(
  store: SessionStore,
  clock: () => number,
  onError: (error: unknown) => void
): () => void {
  const timer = setInterval(() => {
    sweep(store, clock()).catch(onError)
  }, INTERVAL_MS)
  timer.unref()
  return () => clearInterval(timer)
}
