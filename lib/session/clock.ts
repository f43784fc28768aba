import { StoreUnavailableError } from '../errors/http-exception.ts'
import type { Awaitable, SessionStore } from '../stores/store.ts'

/** What time it is, for everything that sessions, tokens and keys are dated by. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Called before times are stored, or a record is changed or deleted by its time. */
  readonly sync: () => Awaitable<void>
}

/** Long enough to cost nothing, short enough for a database that moved to another machine. */
const TRUSTED_FOR_MS = 10_000
/** Of an answer that took longer nobody knows which moment it tells. */
const MAX_ROUND_TRIP_MS = 2000
/** So far the machine's clock may run apart from its uptime, before we take it to have been set. */
const TOLERATED_STEP_MS = 1000

/**
 * The clock of a registration: the app's, where it gives one; else the store's, which all processes
 * share, so that rotation stays sound where their machines disagree; else the machine's.
 */
export function openClock(
  store: Pick<SessionStore, 'now'>,
  given: (() => number) | undefined
): Clock {
  if (given !== undefined) return { now: given, sync: alreadyInSync }
  const storeNow = store.now?.bind(store)
  if (storeNow === undefined) return { now: Date.now, sync: alreadyInSync }
  return new StoreClock(storeNow)
}

/** The store's time: the machine's clock, put right by asking the store now and then. */
export class StoreClock implements Clock {
  readonly #storeNow: () => Awaitable<number>
  readonly #machine: MachineClocks
  /** By how much the store's clock is ahead of the machine's. */
  #aheadMs = 0
  #syncedAt = Number.NEGATIVE_INFINITY
  #startOfMachineMs = 0
  #pending: Promise<void> | null = null

  constructor(storeNow: () => Awaitable<number>, machine: MachineClocks = machineClocks) {
    this.#storeNow = storeNow
    this.#machine = machine
  }

  readonly now = (): number => this.#machine.time() + this.#aheadMs

  readonly sync = (): Awaitable<void> => {
    if (this.#isTrusted()) return
    this.#pending ??= this.#ask().finally(() => {
      this.#pending = null
    })
    return this.#pending
  }

  #isTrusted(): boolean {
    const uptimeMs = this.#machine.uptime()
    const steppedMs = this.#machine.time() - uptimeMs - this.#startOfMachineMs
    return uptimeMs - this.#syncedAt < TRUSTED_FOR_MS && Math.abs(steppedMs) <= TOLERATED_STEP_MS
  }

  async #ask(): Promise<void> {
    const askedAt = this.#machine.uptime()
    const storeMs = await this.#storeNow()
    const answeredAt = this.#machine.uptime()
    const machineMs = this.#machine.time()
    if (answeredAt - askedAt > MAX_ROUND_TRIP_MS)
      throw new StoreUnavailableError({ cause: new Error('The store took long to tell the time') })
    // The store looked at its clock about half way between the question and the answer.
    this.#aheadMs = Math.round(storeMs + (answeredAt - askedAt) / 2 - machineMs)
    this.#startOfMachineMs = machineMs - answeredAt
    this.#syncedAt = answeredAt
  }
}

/** The two clocks of a machine, in milliseconds. */
export interface MachineClocks {
  /** Since the epoch; can be set, by NTP or by hand. */
  readonly time: () => number
  /** Since some moment; only goes forward, and stands still while the machine is suspended. */
  readonly uptime: () => number
}

const machineClocks: MachineClocks = {
  time: () => Date.now(),
  uptime: () => performance.now()
}

function alreadyInSync(): void {}
