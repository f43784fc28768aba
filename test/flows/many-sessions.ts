import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'tap'
import { memoryStore, type SessionStore } from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { durableStores, openBackend } from '../builders/durable-stores.ts'
import { newRecord } from '../builders/record.ts'

/** Sessions that are read or deleted at a time. */
const PAGE = 500
const USER = 'ada'

/** Has one user of each store open many sessions, and counts what it costs others to list and end them. */
export function testManySessions(count: number): void {
  const stores = [{ name: 'memory', skip: false as const }, ...durableStores]
  for (const durable of stores)
    test(`on ${durable.name} a user of ${count} sessions holds up nobody for longer than a page`, {
      skip: durable.skip
    }, async (t) => {
      const store = 'start' in durable ? (await openBackend(t, durable))() : memoryStore()
      const counted = new PageCounter(store)
      const clock = () => Date.now()
      const { app } = await buildApp(t, { store, clock, revocationInterval: 0 })
      const bystander = newRecord()
      await store.insert(bystander)
      for (let start = 0; start < count; start += PAGE) {
        const size = Math.min(PAGE, count - start)
        const records = Array.from({ length: size }, () => newRecord({ userId: USER }))
        await Promise.all(records.map((record) => store.insert(record)))
      }

      const { list, devices, revokeAll } = app.sessions
      for (const [name, read] of Object.entries({ list, devices, revokeAll })) {
        await nextTurn()
        counted.reset()
        let isDone = false
        let answers = 0
        const askMeanwhile = async () => {
          for (; !isDone; answers++) {
            await store.get(bystander.handle)
            await nextTurn()
          }
        }
        const asking = askMeanwhile()
        const { length } = await read(USER)
        isDone = true
        await asking
        t.comment(name, counted.counts(), { answers })
        t.equal(length, count, `${name} knows all of them`)
        t.ok(counted.pages >= count / PAGE)
        const most = name === 'revokeAll' ? 2 * PAGE : PAGE
        t.ok(counted.mostPerTurn <= most, 'a turn reads one page, and deletes what it has read')
        t.equal(counted.mostUnderWay, 1, 'one page is asked for at a time')
        t.ok(answers > 0, 'others are answered meanwhile')
      }
      t.same(await list(USER), [])
      t.ok(await store.get(bystander.handle))
    })
}

/** Counts the pages of a store, and how they come. */
class PageCounter {
  pages = 0
  mostPerTurn = 0
  mostUnderWay = 0
  #underWay = 0
  #thisTurn = 0

  constructor(store: SessionStore) {
    const [listByUser, deleteSome] = [store.listByUser.bind(store), store.delete.bind(store)]
    store.listByUser = (...page) =>
      this.#count(
        async () => listByUser(...page),
        ({ records }) => records.length
      )
    store.delete = (handles) =>
      this.#count(
        async () => deleteSome(handles),
        () => handles.length
      )
  }

  reset(): void {
    this.pages = 0
    this.mostPerTurn = 0
    this.mostUnderWay = 0
  }

  counts() {
    const { pages, mostPerTurn, mostUnderWay } = this
    return { pages, mostPerTurn, mostUnderWay }
  }

  async #count<T>(action: () => Promise<T>, sizeOf: (result: T) => number): Promise<T> {
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.#underWay)
    const result = await action()
    this.#underWay--
    this.pages++
    if (this.#thisTurn === 0) setImmediate(() => (this.#thisTurn = 0))
    this.#thisTurn += sizeOf(result)
    this.mostPerTurn = Math.max(this.mostPerTurn, this.#thisTurn)
    return result
  }
}
