/* c8 ignore start: what fails, and when, is random */
import { setTimeout as pause } from 'node:timers/promises'
import type { BackendServer } from '../builders/durable-stores.ts'
import type { Fleet } from './fleet.ts'

/** What can go wrong in a storm. */
export const faultNames = [
  /** Processes die. */
  'kills',
  /** Processes are stopped for a while. */
  'pauses',
  /** Two clusters of processes have clocks that differ by minutes. */
  'skew',
  /** Connections to the store break in the middle of commands and of answers. */
  'cuts',
  /** Answers of the store are late. */
  'delays',
  /** The store is killed and started again. */
  'crashes'
] as const
export type Fault = (typeof faultNames)[number]

const MAX_PAUSE_MS = 2000
const MAX_OUTAGE_MS = 1500

export interface FaultSettings {
  readonly faults: ReadonlySet<Fault>
  readonly random: () => number
  readonly isOver: () => boolean
  /** A process is killed this often, on average; it is paused, and the store dies, less often. */
  readonly killIntervalMs: number
  readonly onCrash: () => void
  /** How many refreshes have succeeded. */
  readonly refreshes: () => number
}

/** Makes things fail until it is over, and ends when everything runs again. */
export async function failNowAndThen(
  fleet: Fleet,
  server: BackendServer | undefined,
  { faults, random, isOver, killIntervalMs, onCrash, refreshes }: FaultSettings
): Promise<void> {
  const crash = async (): Promise<void> => {
    onCrash()
    await server?.crash()
    await pause(random() * MAX_OUTAGE_MS)
    await server?.resume()
  }
  const kill = () => fleet.killOne(random())
  const stall = () => fleet.pauseOne(random(), random() * MAX_PAUSE_MS)
  /** A fault that takes longer than an interval runs beside the next one. */
  const repeat = async (intervalMs: number, fail: () => Promise<void>): Promise<void> => {
    const failing: Promise<void>[] = []
    while (!isOver()) {
      await pause(2 * random() * intervalMs)
      failing.push(fail())
    }
    await Promise.all(failing)
  }
  const crashOneByOne = async (): Promise<void> => {
    while (!isOver()) {
      const before = refreshes()
      await pause(8 * random() * killIntervalMs)
      // Clients that were not served since the last crash would not notice another.
      if (refreshes() > before) await crash()
    }
  }
  await Promise.all([
    faults.has('kills') && repeat(killIntervalMs, kill),
    faults.has('pauses') && repeat(2 * killIntervalMs, stall),
    faults.has('crashes') && server !== undefined && crashOneByOne()
  ])
}
/* c8 ignore stop */
