/** How many entries are looked at, at most, when a new one comes in. */
const SWEEP_AT_ONCE = 8

/**
 * The sessions that this process knows to have ended, for as long as access tokens of theirs can be
 * around.
 */
export class Revocations {
  readonly #lifetimeMs: number
  readonly #clock: () => number
  /** Handle to the time at which its entry may go. In the order of insertion, oldest first. */
  readonly #ended = new Map<string, number>()

  /** @param lifetimeMs - How long an access token lives at most. */
  constructor(lifetimeMs: number, clock: () => number) {
    this.#lifetimeMs = lifetimeMs
    this.#clock = clock
  }

  add(handles: readonly string[]): void {
    const nowMs = this.#clock()
    for (const handle of handles) {
      this.#sweep(nowMs)
      this.#ended.set(handle, nowMs + this.#lifetimeMs)
    }
  }

  has(handle: string): boolean {
    return this.#ended.has(handle)
  }

  /** All entries live equally long, so that the oldest ones go first. */
  #sweep(nowMs: number): void {
    let count = 0
    for (const [handle, until] of this.#ended) {
      if (until > nowMs || ++count > SWEEP_AT_ONCE) return
      this.#ended.delete(handle)
    }
  }
}
