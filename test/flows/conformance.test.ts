import { test } from 'tap'
import { memoryStore } from '../../lib/index.ts'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'
import { clearsAllTokens, clearsTokens, keepsTokens } from '../builders/replies.ts'

// What a server of this protocol has to get right, one or two tests for each point. Every case of
// each point is in transfer-method.test.ts, verify-table.test.ts, refresh-table.test.ts and
// test/session/rotation.test.ts.

const headerOf = (token: string | undefined) =>
  JSON.parse(Buffer.from(String(token).split('.')[0] as string, 'base64url').toString())

for (const method of ['cookie', 'header'] as const) {
  test(`by ${method}: ten keys, a version that is text, a kid that names the kind of key`, async (t) => {
    for (const [useDynamicAccessTokenSigningKey, kid] of [
      [true, /^d-\d+$/],
      [false, /^s-[0-9a-f-]{36}$/]
    ] as const) {
      const { app } = await buildApp(t, { useDynamicAccessTokenSigningKey })
      const client = new Client(app, method)
      await client.login()
      t.same(
        Object.keys(payloadOf(client.accessToken)).sort(),
        [
          'antiCsrfToken',
          'exp',
          'iat',
          'iss',
          'parentRefreshTokenHash1',
          'rsub',
          'refreshTokenHash1',
          'sessionHandle',
          'sub',
          'tId'
        ].sort()
      )
      t.match(headerOf(client.accessToken), { version: '5', typ: 'JWT', kid })
    }
  })

  test(`by ${method}: a key is published for a minute before it signs`, async (t) => {
    const { app, clock } = await buildApp(t, {
      accessTokenSigningKeyUpdateInterval: '1h',
      accessTokenValidity: '1m'
    })
    clock.advance(3600 - 59)
    const kids = async () =>
      (await app.inject('/auth/jwt/jwks.json')).json().keys.map((key: { kid: string }) => key.kid)
    await kids()
    const next = `d-${clock.nowMs}`
    while (!(await kids()).includes(next)) await new Promise(setImmediate)
    const client = new Client(app, method)
    await client.login()
    t.equal(headerOf(client.accessToken).kid, `d-${START_MS}`)
    clock.advance(60)
    await client.login()
    t.equal(headerOf(client.accessToken).kid, next)
  })

  test(`by ${method}: a verification promotes, and the first use after a refresh is re-issued`, async (t) => {
    const { app, clock } = await buildApp(t)
    const client = new Client(app, method)
    await client.login()
    const thief = client.copy()
    await client.refresh()
    const refreshed = payloadOf(client.accessToken)
    t.match(refreshed['parentRefreshTokenHash1'], /^[0-9a-f]{64}$/)
    const first = await client.get('/me')
    t.type(first.headers['front-token'], 'string')
    t.same(payloadOf(client.accessToken), { ...refreshed, parentRefreshTokenHash1: null })
    t.equal((await client.get('/me')).headers['front-token'], undefined)
    clock.advance(30)
    t.same((await thief.refresh()).json(), { message: 'token theft detected' })
  })

  test(`by ${method}: a token that is refreshed but never used may be refreshed again, however late`, async (t) => {
    const { app, clock } = await buildApp(t)
    const client = new Client(app, method)
    await client.login()
    const lost = client.copy()
    await lost.refresh()
    clock.advance(21 * 86_400)
    t.equal((await client.refresh()).statusCode, 200, 'the reply was lost')
    t.equal((await client.get('/me')).statusCode, 200)
  })

  test(`by ${method}: a token of a session that is gone, or that is no token, is no theft`, async (t) => {
    const { app } = await buildApp(t)
    const client = new Client(app, method)
    const { handle } = (await client.login()).json()
    const other = Object.assign(client.copy(), { refreshToken: `${client.refreshToken}x` })
    t.same((await other.refresh()).json(), { message: 'unauthorised' })
    await app.sessions.revoke(handle)
    t.same((await client.refresh()).json(), { message: 'unauthorised' })
  })

  test(`by ${method}: new tokens and the names that pages may read come in order`, async (t) => {
    const { app } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
    const client = new Client(app, method)
    for (const reply of [await client.login(), await client.refresh()]) {
      t.same(
        reply.cookies.map(({ name }) => name),
        method === 'cookie' ? ['sAccessToken', 'sRefreshToken'] : []
      )
      t.equal(
        reply.headers['access-control-expose-headers'],
        method === 'cookie'
          ? 'front-token, anti-csrf'
          : 'front-token, st-access-token, st-refresh-token'
      )
    }
  })

  test(`by ${method}: the bodies are those that front ends know`, async (t) => {
    const { app, clock } = await buildApp(t)
    const failing = { id: 'x', validate: () => ({ isValid: false, reason: 'r' }) as const }
    const overrideGlobalClaimValidators = () => [failing]
    app.get(
      '/claim',
      { preHandler: app.verifySession({ overrideGlobalClaimValidators }) },
      async () => 'never'
    )
    const client = new Client(app, method)
    t.same((await client.get('/me')).json(), { message: 'unauthorised' })
    await client.login()
    t.same((await client.get('/claim')).json(), {
      message: 'invalid claim',
      claimValidationErrors: [{ id: 'x', reason: 'r' }]
    })
    clock.advance(3600)
    t.same((await client.get('/me')).json(), { message: 'try refresh token' })
    t.same((await client.refresh()).json(), {})
    t.same((await client.post('/auth/signout')).json(), { status: 'OK' })
  })

  test(`by ${method}: what clears says front-token: remove, and only what has to clears`, async (t) => {
    const { app, clock } = await buildApp(t)
    const client = new Client(app, method)
    keepsTokens(t, await client.get('/me'))
    clearsAllTokens(t, await client.refresh())

    await client.login()
    const thief = client.copy()
    clock.advance(3600)
    keepsTokens(t, await client.get('/me'))
    await client.refresh()
    await client.get('/me')
    const signOut = await client.copy().post('/auth/signout')
    clearsTokens(t, signOut, method)
    t.equal(signOut.headers['front-token'], 'remove')
    clearsAllTokens(t, await client.refresh())

    await client.login()
    Object.assign(thief, client.copy())
    await client.refresh()
    await client.get('/me')
    clock.advance(30)
    clearsAllTokens(t, await thief.refresh())
  })

  test(`by ${method}: iat is when this very token was minted, and a merge keeps exp`, async (t) => {
    const { app, clock } = await buildApp(t)
    app.post('/merge', { preHandler: app.verifySession() }, async ({ session }) => {
      await session.mergePayload({ a: 1 })
      return {}
    })
    const client = new Client(app, method)
    const iat = () => Number(payloadOf(client.accessToken)['iat']) - START_MS / 1000
    await client.login()
    t.equal(iat(), 0)
    const { exp } = payloadOf(client.accessToken)
    clock.advance(10)
    await client.post('/merge')
    t.equal(iat(), 10)
    t.equal(payloadOf(client.accessToken)['exp'], exp)
    clock.advance(10)
    await client.refresh()
    t.equal(iat(), 20)
    clock.advance(10)
    await client.get('/me')
    t.equal(iat(), 30)
  })
}

test('of two tokens the header’s counts, and a refresh leaves the client one pair', async (t) => {
  const { app } = await buildApp(t)
  const ada = await app.sessions.issue({ userId: 'ada' })
  const bob = await app.sessions.issue({ userId: 'bob' })
  const headers = (kind: 'accessToken' | 'refreshToken', cookie: string) => ({
    authorization: `Bearer ${ada[kind]}`,
    cookie: `${cookie}=${bob[kind]}`
  })
  const me = await app.inject({ url: '/me', headers: headers('accessToken', 'sAccessToken') })
  t.equal(me.json().userId, 'ada')
  const refresh = await app.inject({
    method: 'POST',
    url: '/auth/session/refresh',
    headers: headers('refreshToken', 'sRefreshToken')
  })
  t.equal(payloadOf(String(refresh.headers['st-access-token']))['sub'], 'ada')
  t.same(
    refresh.cookies.map(({ value }) => value),
    ['', '']
  )
})

test('the first visit is answered with 401, without asking the store', async (t) => {
  const store = memoryStore()
  const { app } = await buildApp(t, { store })
  store.get = () => t.fail('asked the store') as never
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh' })
  t.equal(reply.statusCode, 401)
  t.equal(reply.headers['front-token'], 'remove')
})

test('of many who refresh and confirm one session at once, all end up with one refresh token', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'cookie')
  await client.login()
  const tabs = Array.from({ length: 30 }, () => client.copy())
  const step = async (tab: Client, index: number) =>
    index % 3 === 0 ? tab.get('/me') : tab.refresh()
  for (let round = 0; round < 3; round++) {
    const replies = await Promise.all(tabs.map(step))
    t.same(new Set(replies.map(({ statusCode }) => statusCode)), new Set([200]))
    await Promise.all(tabs.map((tab) => tab.refresh()))
    t.equal(new Set(tabs.map((tab) => tab.refreshToken)).size, 1)
  }
})

test('of many who change the claims of one session at once, none is lost', async (t) => {
  const { app } = await buildApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const names = Array.from({ length: 30 }, (_, index) => `claim${index}`)
  await Promise.all(names.map((name) => app.sessions.mergePayload(session.handle, { [name]: 1 })))
  const claims = (await app.sessions.info(session.handle))?.accessTokenPayload ?? {}
  t.same(
    names.filter((name) => claims[name] !== 1),
    []
  )
})
