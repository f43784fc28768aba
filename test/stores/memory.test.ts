import { test } from 'tap'
import { memoryStore, type SessionStore } from '../../lib/index.ts'
import { handlesOf } from '../builders/handles-of.ts'
import { newRecord } from '../builders/record.ts'
import { testStoreContract } from './contract.ts'

testStoreContract('memoryStore', () => {
  const store = memoryStore()
  return () => store
})

testStoreContract('a store that keeps no revocations', () => {
  const store = Object.assign(memoryStore(), { addRevocations: undefined, revokedSince: undefined })
  return () => store as unknown as SessionStore
})

test('other work has its turn while the sessions of a user are ended', async (t) => {
  const store = memoryStore()
  const records = Array.from({ length: 2500 }, () => newRecord({ userId: 'ada' }))
  for (const record of records) await store.insert(record)
  const handles = await handlesOf(store, 'ada')
  t.equal(handles.length, 2500)

  let isLastThere: boolean | undefined
  setImmediate(async () => {
    isLastThere = (await store.get(String(handles.at(-1)))) !== null
  })
  t.equal((await store.delete(handles)).length, 2500)
  t.equal(isLastThere, true)
})

test('a page is found and made by looking at no more than its own records', async (t) => {
  const store = memoryStore()
  for (let index = 0; index < 5000; index++) await store.insert(newRecord({ userId: 'ada' }))
  const first = await store.listByUser('ada', Date.now(), null, 10)
  t.equal(first.records.length, 10)
  t.equal(first.next, first.records.at(-1)?.handle)
  const ended = await store.listByUser('ada', Number.MAX_SAFE_INTEGER, first.next, 10)
  t.same(ended.records, [], 'ended sessions count towards the page')
  t.not(ended.next, null)
})
