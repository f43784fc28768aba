import { test } from 'tap'
import { memoryStore, type SessionStore } from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

/** The memory store, but every answer takes a turn of the event loop, so that requests race. */
function racingStore(): SessionStore & { lostRaces: number } {
  const store = memoryStore()
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  const [get, replace] = [store.get.bind(store), store.replace.bind(store)]
  return Object.assign(store, {
    lostRaces: 0,
    async get(handle: string) {
      await turn()
      return get(handle)
    },
    async replace(...args: Parameters<SessionStore['replace']>) {
      await turn()
      const isWritten = await replace(...args)
      if (!isWritten) this.lostRaces++
      return isWritten
    }
  })
}

test('fifty parallel refreshes that race for the record get one and the same token', async (t) => {
  const store = racingStore()
  const { app } = await buildApp(t, { store })
  const { refreshToken } = await app.sessions.issue({ userId: 'ada' })
  const results = await Promise.all(
    Array.from({ length: 50 }, () => app.sessions.rotate(String(refreshToken)))
  )
  t.equal(new Set(results.map((result) => result.refreshToken)).size, 1)
  t.not(results[0]?.refreshToken, refreshToken)
  t.equal(store.lostRaces, 49, 'one wrote, and the others found what it had written')
})

test('a refresh and fifty first uses of its child that race leave one good session', async (t) => {
  const store = racingStore()
  const { app } = await buildApp(t, { store })
  const client = new Client(app, 'cookie')
  await client.login()
  const straggler = client.copy()
  await client.refresh()
  const replies = await Promise.all([
    straggler.refresh(),
    ...Array.from({ length: 50 }, () => client.copy().get('/me'))
  ])
  t.same(new Set(replies.map(({ statusCode }) => statusCode)), new Set([200]))
  t.ok(store.lostRaces > 0)
  t.equal(straggler.refreshToken, client.refreshToken)
})

for (const method of ['cookie', 'header'] as const)
  test(`by ${method}: a token that was just confirmed is kept, and its access token is new`, async (t) => {
    const { app, clock } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
    const client = new Client(app, method)
    await client.login()
    await client.refresh()
    await client.get('/me')
    const { refreshToken, accessToken, antiCsrf } = client

    clock.advance(14)
    const kept = await client.refresh()
    t.equal(kept.statusCode, 200)
    t.equal(kept.headers['st-refresh-token'], undefined)
    t.notOk(kept.cookies.find(({ name }) => name === 'sRefreshToken'))
    t.type(kept.headers['front-token'], 'string')
    t.equal(client.refreshToken, refreshToken)
    t.not(client.accessToken, accessToken)
    t.equal(client.antiCsrf, antiCsrf)
    t.equal((await client.post('/me')).statusCode, 200)

    clock.advance(1)
    t.equal((await client.refresh()).statusCode, 200)
    t.not(client.refreshToken, refreshToken, 'half a grace period after the confirmation')
    t.equal((await client.post('/me')).statusCode, 200)
  })

test('an app that moves tokens by itself is given the kept refresh token again', async (t) => {
  const { app, clock } = await buildApp(t)
  const { refreshToken: first } = await app.sessions.issue({ userId: 'ada' })
  const { refreshToken: second } = await app.sessions.rotate(String(first))
  clock.advance(1)
  const { refreshToken: third, accessToken } = await app.sessions.rotate(String(second))
  t.equal(third, second)
  t.equal((await app.sessions.verify(accessToken)).session.userId, 'ada')
})
