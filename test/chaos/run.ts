import { parseArgs } from 'node:util'
import { durableStores } from '../builders/durable-stores.ts'
import { storm } from './storm.ts'

// npm run chaos -- --seed 7 --seconds 60 --sessions 1000 --processes 8 --store LMDB
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    seconds: { type: 'string', default: '60' },
    sessions: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '8' },
    store: { type: 'string' }
  }
})
const settings = {
  seed: Number(values.seed),
  seconds: Number(values.seconds),
  sessions: Number(values.sessions),
  processes: Number(values.processes),
  killIntervalMs: 1500
}
console.log(settings)
for (const durable of durableStores) {
  if ((values.store ?? durable.name) !== durable.name) continue
  if (durable.skip) {
    process.exitCode = 1
    continue
  }
  const report = await storm(durable, settings)
  const { lostSessions, falseTheftAlarms, doubleSuccessors, ...rest } = report
  const { unhandledRejections, otherReplies } = rest
  const failures = [lostSessions, falseTheftAlarms, doubleSuccessors, unhandledRejections]
  if ([...failures, otherReplies].some((count) => count > 0)) process.exitCode = 1
  console.log(durable.name, report)
}
