import { test } from 'tap'
import { memoryStore, type SessionStore } from '../../lib/index.ts'
import { loadRefreshKeys } from '../../lib/keys/refresh-keys.ts'
import { START_MS } from '../builders/app.ts'

test('with secrets the keys are derived, newest first, and the store holds none', async (t) => {
  const store = memoryStore()
  const [a, b] = [Buffer.alloc(32, 'a'), Buffer.alloc(32, 'b')]
  const keys = await loadRefreshKeys(store, [a, b], START_MS)
  t.same(keys[1], (await loadRefreshKeys(store, [b], START_MS))[0])
  t.equal((await store.listKeys()).length, 0)
})

test('without secrets one key lives in the store, for all processes and restarts', async (t) => {
  const store = memoryStore()
  const all = await Promise.all([1, 2, 3].map(() => loadRefreshKeys(store, [], START_MS)))
  for (const keys of all) t.same(keys, all[0])
  t.equal(all[0]?.[0].length, 32)
  t.equal((await store.listKeys()).length, 1)
})

test('a process that comes second takes the key of the first', async (t) => {
  const store = memoryStore()
  const [key] = await loadRefreshKeys(store, [], START_MS)
  let reads = 0
  // Between its first look and its attempt to add, the other process was there.
  const late = new Proxy(store, {
    get: (target, name: keyof SessionStore) =>
      name === 'listKeys' && reads++ === 0 ? () => [] : target[name]?.bind(target)
  })
  t.same(await loadRefreshKeys(late, [], START_MS), [key])
})

test('a store that neither takes a key nor has one is an error', async (t) => {
  const store = memoryStore()
  const deaf = new Proxy(store, {
    get: (target, name: keyof SessionStore) =>
      name === 'addKey' ? () => false : target[name]?.bind(target)
  })
  await t.rejects(loadRefreshKeys(deaf, [], START_MS), /no refresh key/)
})
