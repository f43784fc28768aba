import { test } from 'tap'
import { memoryStore, type SessionStore, StoreUnavailableError } from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

async function deleteAllKeys(store: SessionStore): Promise<void> {
  await store.deleteKeys((await store.listKeys()).map(({ kid }) => kid))
}

test("old and new processes take each other's sessions again after the store lost its keys", async (t) => {
  const store = memoryStore()
  const old = await buildApp(t, { store })
  await deleteAllKeys(store)
  const fresh = await buildApp(t, { store })
  for (const { clock } of [old, fresh]) clock.advance(61)
  const [atOld, atFresh] = [new Client(old.app, 'cookie'), new Client(fresh.app, 'cookie')]
  await atOld.login()
  await atFresh.login()
  for (const [client, elsewhere] of [
    [atOld, fresh.app],
    [atFresh, old.app]
  ] as const) {
    const there = client.copy(elsewhere)
    t.equal((await there.refresh()).statusCode, 200)
    t.equal((await there.get('/me')).statusCode, 200)
  }
})

test('a refresh token that nobody issued asks the store for keys now and then', async (t) => {
  let reads = 0
  const store = memoryStore()
  const listKeys = store.listKeys.bind(store)
  const counting = Object.assign(store, {
    listKeys: () => {
      reads++
      return listKeys()
    }
  })
  const junk = `v1.${'a'.repeat(40)}.${'b'.repeat(43)}`
  for (const [secret, expected] of [
    [undefined, 1],
    ['s'.repeat(32), 0]
  ] as const) {
    const { app, clock } = await buildApp(t, {
      store: counting,
      ...(secret !== undefined && { secret })
    })
    clock.advance(1)
    reads = 0
    for (let count = 0; count < 20; count++) {
      const client = Object.assign(new Client(app, 'header'), { refreshToken: junk })
      t.equal((await client.refresh()).statusCode, 401)
    }
    t.equal(reads, expected)
  }
})

for (const kind of ['dynamic', 'static'] as const) {
  test(`after a ${kind} key has leaked nothing that it signs is taken, in any process`, async (t) => {
    const store = memoryStore()
    const options = {
      store,
      revocationInterval: 0.001,
      useDynamicAccessTokenSigningKey: kind === 'dynamic'
    }
    const [one, two] = [await buildApp(t, options), await buildApp(t, options)]
    const client = new Client(one.app, 'header')
    await client.login()
    const jwt = await one.app.sessions.createJWT({}, { useStaticSigningKey: true })
    const there = client.copy(two.app)
    t.equal((await there.get('/me')).statusCode, 200)
    const before = (await one.app.sessions.jwks()).keys.map(({ kid }) => kid)
    await one.app.sessions.rotateKeys({ revoke: true })
    const refused = await client.get('/me')
    t.same(refused.json(), { message: 'try refresh token' })
    while ((await there.get('/me')).statusCode === 200)
      await new Promise((resolve) => setTimeout(resolve, 1))
    t.equal((await client.refresh()).statusCode, 200, 'one refresh, and the session lives on')
    t.equal((await client.get('/me')).statusCode, 200)
    t.equal((await client.copy(two.app).get('/me')).statusCode, 200)
    const after = [...(await one.app.sessions.jwks()).keys, ...(await two.app.sessions.jwks()).keys]
    t.notOk(after.some(({ kid }) => before.includes(kid)))
    t.ok(jwt)
    // Who signs in the other process signs with the new key, too.
    const next = new Client(two.app, 'header')
    await next.login()
    t.equal((await next.copy(one.app).get('/me')).statusCode, 200)
  })
}

test('a revoked key that was not announced is announced when it is done again', async (t) => {
  const store = memoryStore()
  const addRevocations = store.addRevocations?.bind(store)
  let isDown = false
  store.addRevocations = (revocations) => {
    if (isDown) throw new Error('down')
    return addRevocations?.(revocations)
  }
  const options = { store, revocationInterval: 0.001 }
  const [one, two] = [await buildApp(t, options), await buildApp(t, options)]
  const client = new Client(one.app, 'header')
  await client.login()
  const there = client.copy(two.app)
  t.equal((await there.get('/me')).statusCode, 200)
  isDown = true
  await t.rejects(one.app.sessions.rotateKeys({ revoke: true }), StoreUnavailableError)
  isDown = false
  await one.app.sessions.rotateKeys({ revoke: true })
  while ((await there.get('/me')).statusCode === 200)
    await new Promise((resolve) => setTimeout(resolve, 1))
  t.same((await there.get('/me')).json(), { message: 'try refresh token' })
})

test('a key that is rotated before its time is published first, and costs nobody a refresh', async (t) => {
  const { app, clock } = await buildApp(t)
  const client = new Client(app, 'header')
  await client.login()
  const kidOf = (token: string | undefined) =>
    JSON.parse(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString()).kid
  const first = kidOf(client.accessToken)
  await app.sessions.rotateKeys()
  t.equal((await client.get('/me')).statusCode, 200)
  t.equal((await app.sessions.jwks()).keys.length, 2)
  const next = new Client(app, 'header')
  await next.login()
  t.equal(kidOf(next.accessToken), first)
  clock.advance(61)
  await next.login()
  t.not(kidOf(next.accessToken), first)
  t.equal((await client.get('/me')).statusCode, 200)
})
