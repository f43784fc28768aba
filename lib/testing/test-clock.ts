/** A clock that stands still until the test moves it. Pass `read` as the option `clock`. */
export class TestClock {
  /** Milliseconds since the epoch. */
  nowMs: number

  /** @param startMs - Default 2026-01-01T00:00:00Z. */
  constructor(startMs = 1_767_225_600_000) {
    this.nowMs = startMs
  }

  /** The time, milliseconds since the epoch. */
  readonly read = (): number => this.nowMs

  /**
   * Moves the clock.
   *
   * @param seconds - A negative number sets it back.
   * @throws TypeError It is no number of seconds.
   */
  advance(seconds: number): void {
    if (!Number.isFinite(seconds)) throw new TypeError('seconds must be a number')
    this.nowMs += seconds * 1000
  }
}
