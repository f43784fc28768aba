import { parseArgs } from 'node:util'
import { durableStores } from '../builders/durable-stores.ts'
import { type Fault, faultNames } from './faults.ts'
import { storm } from './storm.ts'

// npm run chaos -- --seed 7 --seconds 60 --store LMDB --faults kills,cuts
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    seconds: { type: 'string', default: '60' },
    sessions: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '8' },
    faults: { type: 'string', default: faultNames.join() },
    store: { type: 'string' }
  }
})
const settings = {
  seed: Number(values.seed),
  seconds: Number(values.seconds),
  sessions: Number(values.sessions),
  processes: Number(values.processes),
  faults: values.faults.split(',') as Fault[],
  killIntervalMs: 1500
}
console.log(settings)
for (const durable of durableStores) {
  if ((values.store ?? durable.name) !== durable.name) continue
  if (durable.skip) {
    process.exitCode = 1
    continue
  }
  const { failures, tried } = await storm(durable, settings)
  if (Object.values(failures).some((count) => count > 0)) process.exitCode = 1
  console.log(durable.name, failures, tried)
}
