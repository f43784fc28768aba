import { type Test, test } from 'tap'
import type { SessionStore, SupersessionOptions } from '../../lib/index.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { durableStores, openBackend } from '../builders/durable-stores.ts'

/** Databases let sessions expire by their own clock, so this one begins at their time. */
function clockOfNow(): TestClock {
  return new TestClock(Date.now())
}

/** A function that starts processes on one backend, as far as the store can tell. */
function starter(t: Test, openStore: () => SessionStore, options: SupersessionOptions = {}) {
  const clock = clockOfNow()
  const start = async () => {
    const settings = { ...options, store: openStore(), clock: clock.read }
    return (await buildApp(t, settings)).app
  }
  return { start, clock }
}

for (const durable of durableStores) {
  const { name, skip } = durable
  test(`on ${name}`, { skip }, async (t) => {
    const openStore = await openBackend(t, durable)

    await t.test('a session lives from login to sign-out, in two processes', async (t) => {
      const { start, clock } = starter(t, openStore)
      const [one, two] = await Promise.all([start(), start()])
      const client = new Client(one, 'cookie')
      t.equal((await client.login('ada')).statusCode, 200)
      const elsewhere = Object.assign(new Client(two, 'cookie'), { ...client })
      t.equal((await elsewhere.get('/me')).statusCode, 200)
      clock.advance(3600)
      t.same((await elsewhere.get('/me')).json(), { message: 'try refresh token' })
      t.equal((await elsewhere.refresh()).statusCode, 200)
      t.equal((await elsewhere.get('/me')).statusCode, 200)
      t.equal((await elsewhere.post('/auth/signout')).statusCode, 200)
      t.same(await one.sessions.list('ada'), [])
      t.equal((await client.refresh()).statusCode, 401)
    })

    await t.test(
      'an id that the store cannot keep is not found, and another is its own',
      async (t) => {
        const { start } = starter(t, openStore)
        const app = await start()
        for (const userId of ['boss\ud800', 'boss\0']) {
          await t.rejects(app.sessions.issue({ userId }), /well-formed text without NUL/)
          t.same(await app.sessions.list(userId), [])
          t.equal(await app.sessions.info(userId), null)
          t.equal(await app.sessions.revoke(userId), false)
        }
        const { refreshToken = '' } = await app.sessions.issue({
          userId: 'boss\u{1f600}',
          accessTokenPayload: { 'a\ud800\0': 'b\udc00\0' }
        })
        const { session } = await app.sessions.rotate(refreshToken)
        t.equal(session.userId, 'boss\u{1f600}')
        t.equal(session.payload['a\ud800\0'], 'b\udc00\0')
      }
    )

    await t.test('fifty refreshes at a time in two processes give one token', async (t) => {
      const { start } = starter(t, openStore)
      const apps = await Promise.all([start(), start()])
      const client = new Client(apps[0], 'header')
      await client.login('ada')
      const tabs = Array.from({ length: 50 }, (_, tab) =>
        Object.assign(new Client(apps[tab % 2 === 0 ? 0 : 1], 'header'), { ...client })
      )
      const replies = await Promise.all(tabs.map((tab) => tab.refresh()))
      t.same([...new Set(replies.map(({ statusCode }) => statusCode))], [200])
      t.equal(new Set(tabs.map(({ refreshToken }) => refreshToken)).size, 1)
      for (const tab of tabs) t.equal((await tab.get('/me')).statusCode, 200)
    })

    await t.test('a stolen token ends the session for both who hold it', async (t) => {
      const { start, clock } = starter(t, openStore)
      const apps = await Promise.all([start(), start()])
      const owner = new Client(apps[0], 'header')
      await owner.login('ada')
      const thief = Object.assign(new Client(apps[1], 'header'), { ...owner })
      await owner.refresh()
      await owner.get('/me')
      clock.advance(31)
      t.same((await thief.refresh()).json(), { message: 'token theft detected' })
      t.equal((await owner.refresh()).statusCode, 401)
    })

    await t.test("all sessions of a user are revoked, and nobody else's", async (t) => {
      const { start } = starter(t, openStore)
      const [one, two] = await Promise.all([start(), start()])
      const clients = await Promise.all(
        ['bob', 'bob', 'bob', 'eve'].map(async (userId) => {
          const client = new Client(one, 'header')
          await client.login(userId)
          return client
        })
      )
      t.equal((await two.sessions.revokeAll('bob')).length, 3)
      const statuses = await Promise.all(
        clients.map(async (client) => (await client.refresh()).statusCode)
      )
      t.same(statuses, [401, 401, 401, 200])
    })

    await t.test('a restart keeps sessions and keys', async (t) => {
      const { start, clock } = starter(t, openStore)
      const before = await start()
      const client = new Client(before, 'cookie')
      await client.login('ada')
      await before.close()
      const after = await start()
      const returning = Object.assign(new Client(after, 'cookie'), { ...client })
      t.equal((await returning.get('/me')).statusCode, 200)
      clock.advance(3600)
      t.equal((await returning.refresh()).statusCode, 200)
      t.equal((await returning.get('/me')).statusCode, 200)
    })
  })

  test(`on ${name}, processes that start together agree on keys`, { skip }, async (t) => {
    const openStore = await openBackend(t, durable)
    const { start } = starter(t, openStore)
    const apps = await Promise.all(Array.from({ length: 5 }, start))
    // The static key is made when it first signs.
    await Promise.all(apps.map((app) => app.sessions.createJWT()))
    const published = await Promise.all(
      apps.map(async (app) => (await app.inject('/auth/jwt/jwks.json')).json())
    )
    for (const keys of published) t.same(keys, published[0])
    const kinds = (await openStore().listKeys()).map(({ kind }) => kind)
    t.same(kinds.sort(), ['dynamic', 'refresh', 'static'])
  })

  test(`on ${name}, with a secret no key is stored in clear`, { skip }, async (t) => {
    const openStore = await openBackend(t, durable)
    const { start } = starter(t, openStore, { secret: 'thirty-two characters are needed' })
    await (await start()).sessions.createJWT()
    const keys = await openStore().listKeys()
    t.same(keys.map(({ kind }) => kind).sort(), ['dynamic', 'static'])
    for (const { material } of keys) t.notMatch(material, /PRIVATE/)
  })
}

for (const durable of durableStores.filter(({ name }) => name !== 'LMDB')) {
  const { name, skip } = durable
  test(`without ${name} requests are 503, and nobody is logged out`, { skip }, async (t) => {
    const backend = await durable.start()
    t.teardown(() => backend.stop())
    const { store, disconnect } = durable.connect(backend.address)
    t.teardown(disconnect)
    const { app } = await buildApp(t, { store, clock: clockOfNow().read })
    const client = new Client(app, 'cookie')
    await client.login('ada')
    const { refreshToken } = client
    await backend.stop()
    for (const attempt of ['first', 'second']) {
      const reply = await client.refresh()
      t.equal(reply.statusCode, 503, attempt)
      t.equal(reply.headers['retry-after'], '1')
      t.equal(client.refreshToken, refreshToken)
    }
    t.equal((await client.get('/me')).statusCode, 200, 'a plain check needs no store')
  })
}
