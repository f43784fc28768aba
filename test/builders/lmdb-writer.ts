import { lmdbStore } from '../../lib/stores/lmdb.ts'
import { newRecord } from './record.ts'

// A process that inserts until it is killed, and says what was acknowledged, a handle a line.
const store = lmdbStore({ path: String(process.argv[2]) })
for (;;) {
  const record = newRecord({ userId: 'ada' })
  await store.insert(record)
  process.stdout.write(`${record.handle}\n`)
}
