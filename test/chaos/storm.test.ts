import { test } from 'tap'
import { durableStores } from '../builders/durable-stores.ts'
import { faultNames } from './faults.ts'
import { storm } from './storm.ts'

for (const durable of durableStores) {
  const { name, skip } = durable
  test(`on ${name} a storm of refreshes in which everything fails loses nothing`, {
    skip
  }, async (t) => {
    const { failures, tried } = await storm(durable, {
      seed: 1,
      processes: 4,
      sessions: 40,
      seconds: 5,
      faults: faultNames,
      killIntervalMs: 700
    })
    t.comment(tried)
    t.same(failures, {
      lostSessions: 0,
      falseTheftAlarms: 0,
      doubleSuccessors: 0,
      unhandledRejections: 0,
      otherReplies: 0
    })
    t.ok(tried.sessions > 0 && tried.refreshes > tried.sessions)
    t.ok(tried.kills > 0 && tried.pauses > 0)
    t.equal(tried.crashes > 0, name !== 'LMDB', 'a store that has a server saw it crash')
  })
}
