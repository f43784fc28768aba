import { test } from 'tap'
import { memoryStore } from '../../lib/index.ts'
import { newRecord } from '../builders/record.ts'
import { testStoreContract } from './contract.ts'

testStoreContract('memoryStore', () => {
  const store = memoryStore()
  return () => store
})

test('other work has its turn while the sessions of a user are listed or ended', async (t) => {
  const store = memoryStore()
  const records = Array.from({ length: 2500 }, () => newRecord({ userId: 'ada' }))
  for (const record of records) await store.insert(record)
  const last = String(records.at(-1)?.handle)

  setImmediate(() => store.delete([last]))
  const handles = await store.listByUser('ada', 0)
  t.equal(handles.length, 2499, 'what was ended meanwhile is not listed')

  let isLastThere: boolean | undefined
  setImmediate(async () => {
    isLastThere = (await store.get(String(handles.at(-1)))) !== null
  })
  t.equal((await store.delete(handles)).length, 2499)
  t.equal(isLastThere, true)
})
