/** A clock that stands still until it is told to move. Pass `read` as the option `clock`. */
export class TestClock {
  /** Milliseconds since the epoch. */
  nowMs: number

  /** @param startMs - Default 2026-01-01T00:00:00Z. */
  constructor(startMs = 1_767_225_600_000) {
    this.nowMs = startMs
  }

  readonly read = (): number => this.nowMs

  /** @param seconds - Below 0 sets the clock back. */
  advance(seconds: number): void {
    this.nowMs += seconds * 1000
  }
}
