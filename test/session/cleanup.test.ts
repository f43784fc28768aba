import { test } from 'tap'
import { memoryStore, type SessionRecord } from '../../lib/index.ts'
import { deleteExpired, startCleanup } from '../../lib/session/cleanup.ts'
import { START_MS } from '../builders/app.ts'
import { handlesOf } from '../builders/handles-of.ts'

function record(index: number, expiresAt: number): SessionRecord {
  return {
    handle: `handle-${index}`,
    userId: 'ada',
    createdAt: START_MS,
    expiresAt,
    sessionData: '{}',
    payload: '{}',
    device: '{}',
    keyKind: 'dynamic',
    rotation: { current: 'c', successor: null, previous: null },
    revision: 0
  }
}

test('a deleteExpired deletes all that expired, and nothing else', async (t) => {
  const store = memoryStore()
  for (let i = 0; i < 2500; i++) await store.insert(record(i, START_MS + i))
  t.equal(await deleteExpired(store, START_MS + 2200), 2201)
  t.equal((await handlesOf(store, 'ada', START_MS)).length, 299)
  t.equal(await deleteExpired(store, START_MS + 2200), 0)
})

test('other work has its turn between the batches of a deleteExpired', async (t) => {
  const store = memoryStore()
  for (let i = 0; i < 2500; i++) await store.insert(record(i, START_MS))
  let left = 0
  setImmediate(async () => {
    for (let i = 0; i < 2500; i++) if ((await store.get(`handle-${i}`)) !== null) left++
  })
  t.equal(await deleteExpired(store, START_MS), 2500)
  t.equal(left, 1500)
})

test('the cleanup goes on after a failure, and stops when it is told to', async (t) => {
  const errors: unknown[] = []
  let calls = 0
  const store = memoryStore()
  const swept = new Promise<void>((resolve) => {
    store.deleteExpired = (nowMs) => {
      t.equal(nowMs, START_MS)
      if (++calls === 1) throw new Error('broken')
      resolve()
      return 0
    }
  })
  const stop = startCleanup(store, {
    clock: { now: () => START_MS, sync() {} },
    log: { error: (line: unknown) => errors.push(line) },
    intervalMs: 1
  })
  // The timer keeps no process alive, so something else has to.
  const alive = setInterval(() => {}, 1000)
  await swept
  clearInterval(alive)
  stop()
  const before = calls
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1))
  t.equal(calls, before)
  t.match(errors, [{ err: { message: 'broken' } }])
})

test('an hour passes between two cleanups, and their timer keeps no process alive', (t) => {
  t.intercept(globalThis, 'setInterval', {
    value: (_deleteExpired: () => void, intervalMs: number) => {
      t.equal(intervalMs, 3_600_000)
      return setTimeout(() => {}, 0).unref()
    }
  })
  startCleanup(memoryStore(), {
    clock: { now: Date.now, sync() {} },
    log: { error: () => t.fail('nothing was swept') }
  })()
  t.end()
})

test('the cleanup asks what time it is before it deletes anything', async (t) => {
  const store = memoryStore()
  const swept = new Promise<number>((resolve) => {
    store.deleteExpired = (nowMs) => {
      resolve(nowMs)
      return 0
    }
  })
  let nowMs = START_MS + 31 * 86_400_000
  const clock = {
    now: () => nowMs,
    async sync() {
      nowMs = START_MS
    }
  }
  const stop = startCleanup(store, {
    clock,
    log: { error: () => t.fail('nothing failed') },
    intervalMs: 1
  })
  const alive = setInterval(() => {}, 1000)
  t.equal(await swept, START_MS)
  clearInterval(alive)
  stop()
})
