import { lmdbStore } from '../../lib/stores/lmdb.ts'
import { newRecord } from './record.ts'

// A process that inserts records until the disk is full. It prints how many were acknowledged, and
// how many of these are missing.
const store = lmdbStore({ path: String(process.argv[2]) })
const handles: string[] = []
const insertNext = async (): Promise<void> => {
  const record = newRecord({ sessionData: JSON.stringify('x'.repeat(100_000)) })
  await store.insert(record)
  handles.push(record.handle)
  return insertNext()
}
const refusals = await Promise.allSettled([insertNext(), insertNext()])
const kept = handles.filter((handle) => store.get(handle) !== null)
await store.close()
console.log(
  JSON.stringify({
    refusals: refusals.filter(({ status }) => status === 'rejected').length,
    lost: handles.length - kept.length,
    acknowledged: handles.length
  })
)
