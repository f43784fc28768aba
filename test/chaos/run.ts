import { parseArgs } from 'node:util'
import { durableStores } from '../builders/durable-stores.ts'
import { type Fault, faultNames } from './faults.ts'
import { storm, type Tried } from './storm.ts'

// npm run chaos -- --seed 7 --seconds 60 --store LMDB --faults kills,cuts
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    seconds: { type: 'string', default: '60' },
    sessions: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '8' },
    faults: { type: 'string', default: faultNames.join() },
    grace: { type: 'string', default: '30' },
    store: { type: 'string' }
  }
})
const faults = values.faults.split(',')
for (const fault of faults)
  if (!faultNames.includes(fault as Fault)) throw new Error(`--faults are ${faultNames.join()}`)
const stores = durableStores.filter(({ name }) => name === (values.store ?? name))
if (stores.length === 0)
  throw new Error(`--store is one of ${durableStores.map(({ name }) => name).join(', ')}`)

const settings = {
  seed: Number(values.seed),
  sessions: Number(values.sessions),
  processes: Number(values.processes),
  faults: faults as Fault[],
  killIntervalMs: 1500,
  graceSeconds: Number(values.grace),
  isEnough: ({ seconds }: Tried) => seconds >= Number(values.seconds)
}
console.log(settings)
for (const durable of stores) {
  if (durable.skip) {
    process.exitCode = 1
    continue
  }
  const { failures, tried } = await storm(durable, settings)
  if (Object.values(failures).some((count) => count > 0)) process.exitCode = 1
  console.log(durable.name, failures, tried)
}
