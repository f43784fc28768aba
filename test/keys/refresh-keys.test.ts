import { test } from 'tap'
import { memoryStore, type SessionStore } from '../../lib/index.ts'
import { RefreshKeys } from '../../lib/keys/refresh-keys.ts'
import { START_MS } from '../builders/app.ts'

test('with secrets the keys are derived, newest first, and the store holds none', async (t) => {
  const store = memoryStore()
  const [a, b] = [Buffer.alloc(32, 'a'), Buffer.alloc(32, 'b')]
  const keys = await RefreshKeys.open(store, [a, b], START_MS)
  t.same(keys.all[1], (await RefreshKeys.open(store, [b], START_MS)).all[0])
  const other = await RefreshKeys.open(memoryStore(), [], START_MS)
  const before = [...keys.all]
  await keys.adopt(await store.listKeys())
  t.same(keys.all, before)
  t.notSame(keys.forDeviceBinding, other.forDeviceBinding)
  t.equal((await store.listKeys()).length, 0)
})

test('without secrets one key lives in the store, for all processes and restarts', async (t) => {
  const store = memoryStore()
  const opened = await Promise.all([1, 2, 3].map(() => RefreshKeys.open(store, [], START_MS)))
  for (const keys of opened) {
    t.same(keys.all, opened[0]?.all)
    t.same(keys.forDeviceBinding, opened[0]?.forDeviceBinding)
  }
  t.equal(opened[0]?.all[0]?.length, 32)
  t.equal((await store.listKeys()).length, 1)
})

test('a process that comes second takes the key of the first', async (t) => {
  const store = memoryStore()
  const { all } = await RefreshKeys.open(store, [], START_MS)
  let reads = 0
  // Between its first look and its attempt to add, the other process was there.
  const late = new Proxy(store, {
    get: (target, name: keyof SessionStore) =>
      name === 'listKeys' && reads++ === 0 ? () => [] : target[name]?.bind(target)
  })
  t.same((await RefreshKeys.open(late, [], START_MS)).all, all)
})

test('processes agree again after their store was emptied', async (t) => {
  const store = memoryStore()
  const old = await RefreshKeys.open(store, [], START_MS)
  const [lost] = old.all
  const binding = old.forDeviceBinding
  await store.deleteKeys((await store.listKeys()).map(({ kid }) => kid))
  const fresh = await RefreshKeys.open(store, [], START_MS)
  const [added] = fresh.all
  await old.adopt(await store.listKeys())
  t.same(old.all, [added, lost], 'what it knows already is read all the same')
  t.equal(binding.length, 2, 'a list that was handed out has changed')
  t.equal((await store.listKeys()).length, 2, 'it put its own back')
  await fresh.adopt(await store.listKeys())
  await old.adopt(await store.listKeys())
  t.same(fresh.all, [lost, added])
  t.same(old.all, fresh.all)
})

test('a key that could not be put back is put back with the next look', async (t) => {
  const store = memoryStore()
  const keys = await RefreshKeys.open(store, [], START_MS)
  const [own] = await store.listKeys()
  await store.deleteKeys([String(own?.kid)])
  const addKey = store.addKey.bind(store)
  store.addKey = () => false
  await keys.adopt(await store.listKeys())
  store.addKey = addKey
  t.same(await store.listKeys(), [])
  await keys.adopt(await store.listKeys())
  t.same(await store.listKeys(), [own])
})

test('a store that neither takes a key nor has one is an error', async (t) => {
  const store = memoryStore()
  const deaf = new Proxy(store, {
    get: (target, name: keyof SessionStore) =>
      name === 'addKey' ? () => false : target[name]?.bind(target)
  })
  await t.rejects(RefreshKeys.open(deaf, [], START_MS), /no refresh key/)
})
