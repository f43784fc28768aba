import { randomUUID } from 'node:crypto'
import { test } from 'tap'
import { copyStore, memoryStore, type StoredKey } from '../../lib/index.ts'
import { lmdbStore } from '../../lib/stores/lmdb.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { newFolder } from '../builders/folder.ts'
import { newRecord } from '../builders/record.ts'

function newKey(kind: StoredKey['kind']): StoredKey {
  const times = { createdAt: 1, expiresAt: null }
  return { kid: randomUUID(), kind, algorithm: 'ES256', material: 'm', ...times }
}

test('nobody is logged out by a move to another store', async (t) => {
  const clock = new TestClock(Date.now())
  const [from, to] = [memoryStore(), lmdbStore({ path: await newFolder(t) })]
  const { app: before } = await buildApp(t, { store: from, clock: clock.read })
  const clients = ['ada', 'ada', 'bob'].map((userId) => ({
    userId,
    client: new Client(before, 'header')
  }))
  for (const { userId, client } of clients) await client.login(userId)
  // The static key is made when it first signs.
  await before.sessions.createJWT()
  await before.close()

  t.same(await copyStore({ from, to, userIds: ['ada', 'bob', 'eve'] }), { sessions: 3, keys: 3 })
  t.same(await to.listKeys(), await from.listKeys())

  const { app: after } = await buildApp(t, { store: to, clock: clock.read })
  for (const { userId, client } of clients) {
    const moved = Object.assign(new Client(after, 'header'), { ...client })
    t.match((await moved.get('/me')).json(), { userId })
    t.equal((await moved.refresh()).statusCode, 200)
  }
})

test('a copy that is started again adds what is missing and overwrites nothing', async (t) => {
  const [from, to] = [memoryStore(), memoryStore()]
  const records = [newRecord({ userId: 'ada' }), newRecord({ userId: 'ada' })] as const
  for (const record of records) await from.insert(record)
  const [first, second] = [newKey('dynamic'), newKey('dynamic')]
  await from.addKey(first, null)
  await from.addKey(second, first.kid)
  await to.addKey(first, null)
  const changed = { ...records[0], payload: '{"changed":true}', revision: 1 }
  await to.insert(changed)

  async function* userIds(): AsyncGenerator<string> {
    yield 'ada'
  }
  t.same(await copyStore({ from, to, userIds: userIds() }), { sessions: 1, keys: 1 })
  t.same(await to.get(changed.handle), changed)
  t.same(await to.listKeys(), [second, first])
  t.same(await copyStore({ from, to, userIds: userIds() }), { sessions: 0, keys: 0 })
})

test('revocations move along, so that access tokens of before stay refused', async (t) => {
  const [from, to] = [memoryStore(), memoryStore()]
  const clock = new TestClock(Date.now())
  const { app: before } = await buildApp(t, { store: from, clock: clock.read })
  const { session, accessToken } = await before.sessions.issue({ userId: 'ada' })
  const others = Array.from({ length: 600 }, () => ({ handle: randomUUID(), until: clock.read() }))
  await from.addRevocations?.(others)
  await before.sessions.revoke(session.handle)
  await before.close()
  await copyStore({ from, to, userIds: ['ada'] })
  const { app: after } = await buildApp(t, { store: to, clock: clock.read })
  const headers = { authorization: `Bearer ${accessToken}` }
  t.equal((await after.inject({ url: '/me', headers })).statusCode, 401)
})

test('a store that keeps no revocations is given, and gives, none', async (t) => {
  const without = Object.assign(memoryStore(), {
    revokedSince: undefined,
    addRevocations: undefined
  })
  const to = memoryStore()
  await to.addRevocations?.([{ handle: randomUUID(), until: Date.now() }])
  await t.resolves(copyStore({ from: without as never, to, userIds: [] }))
  await t.resolves(copyStore({ from: to, to: without as never, userIds: [] }))
})

test('one user is a list of one', async (t) => {
  const [from, to] = [memoryStore(), memoryStore()]
  await t.rejects(copyStore({ from, to, userIds: 'ada' }), /'userIds' must be a list of ids/)
})

test('a process that adds keys meanwhile is noticed', async (t) => {
  const [from, to] = [memoryStore(), memoryStore()]
  await from.addKey(newKey('dynamic'), null)
  const busy = Object.assign(to, { addKey: () => false })
  await t.rejects(copyStore({ from, to: busy, userIds: [] }), /Another process adds keys/)
})
