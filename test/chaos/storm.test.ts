import { test } from 'tap'
import { durableStores } from '../builders/durable-stores.ts'
import { storm } from './storm.ts'

for (const durable of durableStores) {
  const { name, skip } = durable
  test(`on ${name} nothing is lost when processes are killed in a storm of refreshes`, {
    skip
  }, async (t) => {
    const settings = { seed: 1, processes: 3, sessions: 40, seconds: 3, killIntervalMs: 700 }
    const {
      sessions,
      refreshes,
      verifications,
      unavailable,
      brokenConnections,
      kills,
      ...counted
    } = await storm(durable, settings)
    t.same(counted, {
      lostSessions: 0,
      falseTheftAlarms: 0,
      doubleSuccessors: 0,
      unhandledRejections: 0,
      otherReplies: 0
    })
    t.comment({ sessions, refreshes, verifications, unavailable, brokenConnections, kills })
    t.ok(sessions > 0 && refreshes > sessions && kills > 0)
  })
}
