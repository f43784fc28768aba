import { test } from 'tap'
import { memoryStore } from '../../lib/index.ts'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

const agent = (name: string) => ({ 'user-agent': name })

for (const method of ['cookie', 'header'] as const) {
  test(`by ${method}: a user sees the own sessions, and ends the others`, async (t) => {
    const { app, clock } = await buildApp(t)
    app.get('/devices', { preHandler: app.verifySession() }, ({ session }) => session.devices())
    app.post('/only-me', { preHandler: app.verifySession() }, async ({ session }) => ({
      ended: await session.revokeOthers()
    }))
    const clients = []
    for (const name of ['Phone', 'Laptop', 'Tablet']) {
      const client = new Client(app, method)
      const reply = await client.request({
        method: 'POST',
        url: '/login',
        payload: { userId: 'ada' },
        headers: agent(name)
      })
      clients.push({ client, handle: reply.json().handle })
      clock.advance(10)
    }
    await new Client(app, method).login('bob')
    const [phone, laptop, tablet] = clients
    await phone?.client.refresh()
    clock.advance(10)
    const devices = (await laptop?.client.get('/devices'))?.json()
    const shown = devices.map((one: Record<string, unknown>) => [
      (one['device'] as { userAgent: string }).userAgent,
      one['isCurrent'],
      (Number(one['createdAt']) - START_MS) / 1000,
      (Number(one['lastRefreshedAt']) - START_MS) / 1000
    ])
    t.same(shown, [
      ['Phone', false, 0, 30],
      ['Tablet', false, 20, 20],
      ['Laptop', true, 10, 10]
    ])
    t.equal(devices[0].device.address, undefined, 'addresses are kept only if the app says so')
    const ended = (await laptop?.client.post('/only-me'))?.json().ended
    t.same(ended.sort(), [phone?.handle, tablet?.handle].sort())
    t.same(await app.sessions.list('ada'), [laptop?.handle])
    t.equal((await app.sessions.list('bob')).length, 1)
  })
}

test('the address is kept where the app says so, and a long user agent is cut', async (t) => {
  const { app } = await buildApp(t, { recordAddress: true })
  await new Client(app, 'header').request({
    method: 'POST',
    url: '/login',
    payload: { userId: 'ada' },
    headers: agent('x'.repeat(1000)),
    remoteAddress: '203.0.113.7'
  })
  const [session] = await app.sessions.devices('ada')
  t.same(session?.device, { userAgent: 'x'.repeat(512), address: '203.0.113.7' })
})

test('a session without a request has no device', async (t) => {
  const { app } = await buildApp(t)
  await app.sessions.issue({ userId: 'ada', tenantId: 't1' })
  t.same((await app.sessions.devices('ada'))[0]?.device, {})
  t.same(await app.sessions.devices('ada', { tenantId: 't2' }), [])
})

test('a client without a user agent has none', async (t) => {
  const { app } = await buildApp(t)
  await app.inject({
    method: 'POST',
    url: '/login',
    payload: { userId: 'ada' },
    headers: { 'user-agent': undefined as never }
  })
  t.equal((await app.sessions.devices('ada')).length, 1)
})

test('beyond the limit a new session ends those that would end first', async (t) => {
  const { app, clock } = await buildApp(t, { maxSessionsPerUser: 2 })
  const handles = []
  for (let i = 0; i < 4; i++) {
    clock.advance(1)
    handles.push((await app.sessions.issue({ userId: 'ada' })).session.handle)
  }
  t.same(await app.sessions.list('ada'), handles.slice(2))
})

test('the limit holds where the validity of refresh tokens became shorter', async (t) => {
  const store = memoryStore()
  const [before, after] = await Promise.all([
    buildApp(t, { store, maxSessionsPerUser: 2 }),
    buildApp(t, { store, maxSessionsPerUser: 2, refreshTokenValidity: '7d' })
  ])
  for (const { app } of [before, before, after, after, after]) {
    for (const { clock } of [before, after]) clock.advance(1)
    const { session } = await app.sessions.issue({ userId: 'ada' })
    const handles = await app.sessions.list('ada')
    t.ok(handles.length <= 2)
    t.ok(handles.includes(session.handle))
  }
})

test('logins of the same moment leave as many sessions as there may be', async (t) => {
  for (const maxSessionsPerUser of [1, 2]) {
    const { app } = await buildApp(t, { maxSessionsPerUser })
    const logins = Array.from({ length: 3 }, () => app.sessions.issue({ userId: 'ada' }))
    const handles = (await Promise.all(logins)).map(({ session }) => session.handle)
    const left = await app.sessions.list('ada')
    t.equal(left.length, maxSessionsPerUser)
    t.ok(left.every((handle) => handles.includes(handle)))
  }
})

test('a session with an absolute lifetime ends then, however much it is used', async (t) => {
  const { app, clock } = await buildApp(t, {
    accessTokenValidity: '15m',
    refreshTokenValidity: '1h',
    absoluteLifetime: '90m'
  })
  const client = new Client(app, 'cookie')
  const { handle } = (await client.login()).json()
  const endsAt = async () => ((await app.sessions.info(handle))?.expiresAt ?? 0) - START_MS
  t.equal(await endsAt(), 3_600_000)
  for (const minutes of [50, 30]) {
    clock.advance(minutes * 60)
    t.equal((await client.refresh()).statusCode, 200)
    t.equal((await client.get('/me')).statusCode, 200)
  }
  t.equal(await endsAt(), 5_400_000, 'not 80 minutes and an hour')
  clock.advance(10 * 60)
  t.equal((await client.get('/me')).statusCode, 401, 'its access token ends with it')
  t.same((await client.refresh()).json(), { message: 'unauthorised' })
})
