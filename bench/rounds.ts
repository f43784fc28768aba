import { get } from 'node:http'
import { json } from 'node:stream/consumers'
import { type LoadTarget, load, sentTo } from './load.ts'

export interface RoundOptions {
  readonly rounds: number
  readonly seconds: number
}

/** Requests per second of each target, by rounds. */
export type Rates = ReadonlyMap<LoadTarget, readonly number[]>

/**
 * Loads targets by turns, so that whatever else the machine does hits all of them.
 *
 * Before the first round that counts, each is sent all of its requests once.
 */
export async function measureRounds(
  targets: readonly LoadTarget[],
  { rounds, seconds }: RoundOptions
): Promise<Rates> {
  for (const target of targets) {
    await probe(target)
    do await load(target, seconds)
    while (sentTo(target) < target.requests.count)
  }
  const rates = new Map<LoadTarget, number[]>(targets.map((target) => [target, []]))
  for (let round = 0; round < rounds; round++) {
    // Nobody always goes first, or always after the same.
    const first = round % targets.length
    const turn = [...targets.slice(first), ...targets.slice(0, first)]
    if (round % 2 === 1) turn.reverse()
    for (const target of turn) rates.get(target)?.push(await load(target, seconds))
  }
  return rates
}

/** The median of how many requests one serves for each of another's, in the same round. */
export function ratioOf(rates: Rates, one: LoadTarget, other: LoadTarget): number {
  const others = rates.get(other) ?? []
  return median((rates.get(one) ?? []).map((rate, round) => rate / (others[round] ?? Number.NaN)))
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** A benchmark of something that does not work would look very good. */
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
