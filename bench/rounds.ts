import { get } from 'node:http'
import { json } from 'node:stream/consumers'
import { type LoadTarget, load, type Sample, sentTo } from './load.ts'

export interface RoundOptions {
  readonly rounds: number
  readonly seconds: number
}

/** What each target was measured with, by rounds. */
export type Samples = ReadonlyMap<LoadTarget, readonly Sample[]>

/**
 * Loads targets in turns, so that other load on the machine affects all of them.
 *
 * Before the first round that counts, each is sent all of its requests once.
 */
export async function measureRounds(
  targets: readonly LoadTarget[],
  { rounds, seconds }: RoundOptions
): Promise<Samples> {
  for (const target of targets) {
    await probe(target)
    do await load(target, seconds)
    while (sentTo(target) < target.requests.count)
  }
  const samples = new Map<LoadTarget, Sample[]>(targets.map((target) => [target, []]))
  for (let round = 0; round < rounds; round++) {
    // No target is always first, or always after the same one.
    const first = round % targets.length
    const turn = [...targets.slice(first), ...targets.slice(0, first)]
    if (round % 2 === 1) turn.reverse()
    for (const target of turn) samples.get(target)?.push(await load(target, seconds))
  }
  return samples
}

/** How one target does next to another: medians over the rounds of what both did in the same. */
export interface Ratio {
  /** The other's processor time for a request, for each of the one's: above 1, the one is cheaper. */
  readonly processor: number
  /** How many requests the one serves for each of the other's. */
  readonly requests: number
}

/** If throughput and processor time are further apart than this, other load disturbed the run. */
const MAX_APART = 0.1

/** @param ones - Of the same rounds as the others. */
export function ratioOf(ones: readonly Sample[], others: readonly Sample[]): Ratio {
  const ratios = (of: (a: Sample, b: Sample) => number) =>
    median(ones.map((sample, round) => of(sample, others[round] ?? sample)))
  return {
    processor: ratios((a, b) => b.processorUs / a.processorUs),
    requests: ratios((a, b) => a.perSecond / b.perSecond)
  }
}

/** Whether a ratio can be believed. */
export function isPeaceful({ processor, requests }: Ratio): boolean {
  return Math.abs(processor - requests) <= MAX_APART
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** A server that fails fast would look very good. */
async function probe({ port, requests, status }: LoadTarget): Promise<void> {
  const options = { host: '127.0.0.1', port, path: '/me', headers: requests.sample }
  const body = await new Promise<unknown>((resolve, reject) => {
    get(options, (response) => {
      if (response.statusCode !== status)
        reject(new Error(`HTTP ${response.statusCode}, not ${status}`))
      resolve(json(response))
    }).on('error', reject)
  })
  const { userId } = body as { userId?: string }
  if ((status === 200) !== (typeof userId === 'string' && userId.length === 36))
    throw new Error(`unexpected answer: ${JSON.stringify(body)}`)
}
