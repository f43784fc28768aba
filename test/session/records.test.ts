import { test } from 'tap'
import { StoreUnavailableError } from '../../lib/errors/http-exception.ts'
import { memoryStore, type SessionRecord } from '../../lib/index.ts'
import { openClock } from '../../lib/session/clock.ts'
import { SessionRecords } from '../../lib/session/records.ts'
import { newRecord } from '../builders/record.ts'

/** The live sessions of a store that holds one, and how often a change of it was tried. */
async function withOne(replace?: () => boolean) {
  const store = memoryStore()
  const record = newRecord({ sessionData: '0' })
  await store.insert(record)
  const tried = { count: 0 }
  const original = store.replace.bind(store)
  store.replace = (next: SessionRecord, revision: number) => {
    tried.count++
    return replace?.() ?? original(next, revision)
  }
  const records = new SessionRecords(store, openClock(store, undefined))
  const increment = () =>
    records.update(record.handle, (found) => ({
      ...found,
      sessionData: String(Number(found.sessionData) + 1)
    }))
  return { store, records, record, tried, increment }
}

test('changes of one session at once are all made, at a cost that grows as their number', async (t) => {
  for (const changes of [10, 100, 2000]) {
    const { store, record, tried, increment } = await withOne()
    const made = await Promise.all(Array.from({ length: changes }, increment))
    t.same(new Set(made), new Set([true]))
    t.equal((await store.get(record.handle))?.sessionData, String(changes))
    t.ok(tried.count <= 3 * changes, `${tried.count} attempts for ${changes} changes`)
  }
})

test('a change that is refused holds up none that waits behind it', async (t) => {
  const { store, records, record, increment } = await withOne()
  const outcomes = await Promise.allSettled([
    increment(),
    increment(),
    records.update(record.handle, (found) => {
      if (found.sessionData !== '0') throw new TypeError('not any more')
      return { ...found, sessionData: '0' }
    }),
    increment()
  ])
  t.match(outcomes, [
    { value: true },
    { value: true },
    { reason: { message: 'not any more' } },
    { value: true }
  ])
  t.equal((await store.get(record.handle))?.sessionData, '3')
})

test('a store that fails one of several changes fails those that wait behind it', async (t) => {
  let calls = 0
  const { tried, increment } = await withOne(() => {
    if (calls++ < 10) return false
    throw new StoreUnavailableError()
  })
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, increment))
  t.ok(outcomes.every(({ status }) => status === 'rejected'))
  t.equal(tried.count, 11, 'the store is not asked for each of them')
})
