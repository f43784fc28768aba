import { lmdbStore } from '../../lib/stores/lmdb.ts'
import { newRecord } from './record.ts'

// A process that inserts records until it is killed. It prints the handle of each acknowledged one.
const store = lmdbStore({ path: String(process.argv[2]) })
for (;;) {
  const record = newRecord({ userId: 'ada' })
  await store.insert(record)
  process.stdout.write(`${record.handle}\n`)
}
