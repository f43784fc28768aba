import { test } from 'tap'
import { buildApp } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'

const CROSS_SITE = { apiDomain: 'https://api.example.com', websiteDomain: 'https://other.org' }

test('with VIA_TOKEN the token comes with the session, and has to come back', async (t) => {
  const { app, clock } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
  const client = new Client(app, 'cookie')
  const login = await client.login()
  const first = String(client.antiCsrf)
  t.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(payloadOf(client.accessToken)['antiCsrfToken'], first)
  t.equal(login.headers['access-control-expose-headers'], 'front-token, anti-csrf')
  t.equal((await client.post('/me')).statusCode, 200)

  for (const wrong of [undefined, 'x', '', first.toUpperCase()]) {
    client.antiCsrf = wrong
    t.same((await client.post('/me')).json(), { message: 'try refresh token' }, `${wrong}`)
    t.equal((await client.get('/me')).statusCode, 200, 'GET is safe')
    t.equal((await client.request({ method: 'HEAD', url: '/me' })).statusCode, 200, 'so is HEAD')
  }
  clock.advance(3600)
  const thief = client.copy()
  const refused = await thief.refresh()
  t.same(refused.json(), { message: 'unauthorised' })
  t.equal(refused.headers['front-token'], 'remove')

  client.antiCsrf = first
  t.equal((await client.refresh()).statusCode, 200)
  t.not(client.antiCsrf, first, 'it rotates with the refresh')
  const promoted = await client.post('/me')
  t.equal(promoted.statusCode, 200)
  t.equal(promoted.headers['anti-csrf'], undefined)
  t.equal(payloadOf(client.accessToken)['antiCsrfToken'], client.antiCsrf)
})

test('with VIA_TOKEN tabs that refresh at once get the same token', async (t) => {
  const { app } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
  const client = new Client(app, 'cookie')
  await client.login()
  const other = client.copy()
  await Promise.all([client.refresh(), other.refresh()])
  t.equal(client.antiCsrf, other.antiCsrf)
})

test('header tokens need no anti-CSRF token in any mode', async (t) => {
  for (const antiCsrf of ['VIA_TOKEN', 'VIA_CUSTOM_HEADER', 'NONE'] as const) {
    const { app } = await buildApp(t, { antiCsrf })
    const { accessToken, refreshToken } = await app.sessions.issue({
      userId: 'ada',
      disableAntiCsrf: true
    })
    const headers = { authorization: `Bearer ${accessToken}` }
    const reply = await app.inject({ method: 'POST', url: '/me', headers })
    t.equal(reply.statusCode, 200, antiCsrf)
    const refresh = await app.inject({
      method: 'POST',
      url: '/auth/session/refresh',
      headers: { authorization: `Bearer ${refreshToken}` }
    })
    t.equal(refresh.statusCode, 200, antiCsrf)
    t.equal(payloadOf(String(refresh.headers['st-access-token']))['antiCsrfToken'], null)
  }
})

test('a session from before VIA_TOKEN passes its next refresh, and carries a token from then on', async (t) => {
  const { memoryStore } = await import('../../lib/index.ts')
  const store = memoryStore()
  const before = await buildApp(t, { store, antiCsrf: 'NONE' })
  const client = new Client(before.app, 'cookie')
  await client.login()
  const after = await buildApp(t, { store, antiCsrf: 'VIA_TOKEN' })
  const moved = Object.assign(new Client(after.app, 'cookie'), {
    accessToken: client.accessToken,
    refreshToken: client.refreshToken
  })
  t.same((await moved.post('/me')).json(), { message: 'try refresh token' })
  t.equal((await moved.refresh()).statusCode, 200)
  t.type(moved.antiCsrf, 'string')
  t.equal((await moved.post('/me')).statusCode, 200)
})

for (const options of [
  { antiCsrf: 'VIA_CUSTOM_HEADER' },
  // What SameSite does not protect, a header does.
  { appInfo: CROSS_SITE }
] as const) {
  test(`a custom header has to be there with ${Object.keys(options)}`, async (t) => {
    const { app } = await buildApp(t, options)
    const { accessToken, refreshToken } = await app.sessions.issue({ userId: 'ada' })
    const cookie = `sAccessToken=${accessToken}; sRefreshToken=${refreshToken}`
    const me = (headers: object) =>
      app.inject({ method: 'POST', url: '/me', headers: { cookie, ...headers } })
    t.same((await me({})).json(), { message: 'try refresh token' })
    t.equal((await me({ rid: '' })).statusCode, 200, 'any value will do')
    t.equal((await app.inject({ url: '/me', headers: { cookie } })).statusCode, 200)
    const refresh = (headers: object) =>
      app.inject({
        method: 'POST',
        url: '/auth/session/refresh',
        headers: { cookie, ...headers }
      })
    const refused = await refresh({})
    t.same(refused.json(), { message: 'unauthorised' })
    t.equal(refused.headers['front-token'], 'remove')
    t.equal((await refresh({ rid: 'session' })).statusCode, 200)
  })
}

test('with NONE, and by default on one site, nothing is checked', async (t) => {
  for (const options of [{ antiCsrf: 'NONE' } as const, {}]) {
    const { app } = await buildApp(t, options)
    const { accessToken } = await app.sessions.issue({ userId: 'ada' })
    const headers = { cookie: `sAccessToken=${accessToken}` }
    t.equal((await app.inject({ method: 'POST', url: '/me', headers })).statusCode, 200)
  }
})

test('a route can ask for the check on GET and waive it on POST', async (t) => {
  const { app } = await buildApp(t, { antiCsrf: 'VIA_CUSTOM_HEADER' })
  for (const antiCsrfCheck of [true, false]) {
    app.route({
      method: ['GET', 'POST'],
      url: `/${antiCsrfCheck}`,
      onRequest: app.verifySession({ antiCsrfCheck }),
      handler: async () => 'ok'
    })
  }
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  const headers = { cookie: `sAccessToken=${accessToken}` }
  t.equal((await app.inject({ url: '/true', headers })).statusCode, 401)
  t.equal((await app.inject({ method: 'POST', url: '/false', headers })).statusCode, 200)
})
