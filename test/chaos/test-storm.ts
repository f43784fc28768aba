import { test } from 'tap'
import { durableStores } from '../builders/durable-stores.ts'
import { faultNames } from './faults.ts'
import { storm } from './storm.ts'

interface StormTest {
  readonly processes: number
  readonly sessions: number
  readonly graceSeconds: number
  /** What has to be tried at least, on each store. */
  readonly refreshes: number
  readonly kills: number
  readonly pauses: number
  readonly crashes: number
  readonly revocations: number
}

/** Has each durable store go through a storm in which everything fails. */
export function testStorm({ processes, sessions, graceSeconds, ...least }: StormTest): void {
  for (const durable of durableStores) {
    const { name, skip } = durable
    const crashes = name === 'LMDB' ? 0 : least.crashes
    test(`on ${name} a storm of refreshes in which everything fails loses nothing`, {
      skip
    }, async (t) => {
      const { failures, tried } = await storm(durable, {
        seed: 1,
        processes,
        sessions,
        faults: faultNames,
        killIntervalMs: 700,
        graceSeconds,
        isEnough: (tried) =>
          tried.sessions === sessions &&
          tried.refreshes >= least.refreshes &&
          tried.kills >= least.kills &&
          tried.pauses >= least.pauses &&
          tried.revocations >= least.revocations &&
          tried.crashes >= crashes
      })
      t.comment(tried)
      t.same(failures, {
        lostSessions: 0,
        falseTheftAlarms: 0,
        doubleSuccessors: 0,
        lateRevocations: 0,
        unhandledRejections: 0,
        otherReplies: 0
      })
    })
  }
}
