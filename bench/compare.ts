/** One side of a comparison: runs its request once. */
export type Run = () => unknown

/** For slow requests, or runs of many requests. */
export interface Effort {
  readonly rounds?: number
  readonly requestsPerRound?: number
}

export interface Comparison {
  /** How many requests of ours take as long as one of the other: above 1, ours is faster. */
  readonly ratio: number
  readonly oursPerSecond: number
  readonly otherPerSecond: number
}

const WARM_UP_ROUNDS = 6

/**
 * Compares two ways of doing the same in turns, so that other load on the machine affects both.
 *
 * @returns The median over the rounds; a single slow round does not move it.
 */
export async function compare(
  ours: Run,
  other: Run,
  { rounds = 41, requestsPerRound = 500 }: Effort = {}
): Promise<Comparison> {
  const time = (run: Run) => timeOf(run, requestsPerRound)
  const ratios: number[] = []
  const times: { ours: number[]; other: number[] } = { ours: [], other: [] }
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    // The order changes from round to round, so that garbage collection affects both.
    const isOursFirst = round % 2 === 0
    const first = await time(isOursFirst ? ours : other)
    const second = await time(isOursFirst ? other : ours)
    const [oursMs, otherMs] = isOursFirst ? [first, second] : [second, first]
    if (round < 0) continue
    ratios.push(otherMs / oursMs)
    times.ours.push(oursMs)
    times.other.push(otherMs)
  }
  return {
    ratio: median(ratios),
    oursPerSecond: (requestsPerRound * 1000) / median(times.ours),
    otherPerSecond: (requestsPerRound * 1000) / median(times.other)
  }
}

async function timeOf(run: Run, requests: number): Promise<number> {
  const started = performance.now()
  for (let request = 0; request < requests; request++) await run()
  return performance.now() - started
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
