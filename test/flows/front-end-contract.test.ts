import Fastify from 'fastify'
import { test } from 'tap'
import supersession, { memoryStore, PrimitiveClaim } from '../../lib/index.ts'
import { addRoutes, buildApp, FAST_KEYS, START_MS } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'
import { keepsTokens } from '../builders/replies.ts'

// What supertokens-website sends and how it reads replies; that it does so in a browser is shown
// by test/browser.

const SDK_VERSIONS = '1.16,1.17,1.18,1.19,2.0,3.0,3.1,4.0,4.1,4.2'
const FRONT_TOKEN = /^[A-Za-z0-9+/]+={0,2}$/

for (const method of ['cookie', 'header'] as const) {
  test(`by ${method}: the headers that the SDK adds are taken as they are`, async (t) => {
    const { app } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
    const client = new Client(app, method)
    t.equal((await client.login()).statusCode, 200, 'rid: anti-csrf and st-auth-mode')
    t.equal((await client.post('/me')).statusCode, 200)
    const headers = { rid: 'session', 'fdi-version': SDK_VERSIONS }
    const refreshToken = String(client.refreshToken)
    const refresh = await app.inject({
      method: 'POST',
      url: '/auth/session/refresh',
      headers: {
        ...headers,
        'st-auth-mode': method,
        ...(client.antiCsrf && { 'anti-csrf': client.antiCsrf }),
        ...(method === 'header'
          ? { authorization: `Bearer ${refreshToken}` }
          : { cookie: `sRefreshToken=${refreshToken}` })
      }
    })
    t.equal(refresh.statusCode, 200)
    const signOut = await client.request({ method: 'POST', url: '/auth/signout', headers })
    t.same(signOut.json(), { status: 'OK' })
  })

  test(`by ${method}: before its first request a browser that may have a session is told that it has none`, async (t) => {
    const { app } = await buildApp(t)
    const reply = await new Client(app, method).refresh()
    t.equal(reply.statusCode, 401)
    t.equal(reply.headers['front-token'], 'remove')
  })

  test(`by ${method}: a new session is a front token with the payload`, async (t) => {
    const { app } = await buildApp(t)
    const client = new Client(app, method)
    const reply = await client.login()
    const front = String(reply.headers['front-token'])
    t.match(front, FRONT_TOKEN)
    const { uid, ate, up } = JSON.parse(Buffer.from(front, 'base64').toString())
    t.same(up, payloadOf(client.accessToken))
    t.equal(uid, 'ada')
    t.equal(ate, up.exp * 1000)
    t.ok(String(reply.headers['access-control-expose-headers']).includes('front-token'))
  })

  test(`by ${method}: a changed payload is a new front token, an unchanged one is none`, async (t) => {
    const { app } = await buildApp(t)
    app.post('/plan', { preHandler: app.verifySession() }, async ({ session }) => {
      await session.mergePayload({ plan: 'pro' })
      return {}
    })
    const client = new Client(app, method)
    await client.login()
    t.match((await client.post('/plan')).headers['front-token'], FRONT_TOKEN)
    t.equal((await client.get('/me')).headers['front-token'], undefined)
  })

  test(`by ${method}: the end of a session is a 401 with remove, signing out one with 200`, async (t) => {
    const { app } = await buildApp(t)
    const client = new Client(app, method)
    const { handle } = (await client.login()).json()
    await app.sessions.revoke(handle)
    const expired = await client.refresh()
    t.equal(expired.statusCode, 401)
    t.equal(expired.headers['front-token'], 'remove')
    if (method === 'header') {
      t.equal(expired.headers['st-access-token'], '', 'an empty text deletes')
      t.equal(expired.headers['st-refresh-token'], '')
    }
    await client.login()
    const signOut = await client.post('/auth/signout')
    t.equal(signOut.statusCode, 200)
    t.equal(signOut.headers['front-token'], 'remove')
  })

  test(`by ${method}: a failed claim is a 403 that names it, and costs no token`, async (t) => {
    const { app } = await buildApp(t)
    const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'free' })
    const isPro = [plan.validators.hasValue('pro', { id: 'is-pro' })]
    const overrideGlobalClaimValidators = () => isPro
    app.get(
      '/pro',
      { preHandler: app.verifySession({ overrideGlobalClaimValidators }) },
      async () => 'never'
    )
    const client = new Client(app, method)
    await client.login()
    const reply = await client.get('/pro')
    t.equal(reply.statusCode, 403)
    t.equal(reply.json().claimValidationErrors[0].id, 'is-pro')
    t.not(reply.headers['front-token'], 'remove')
    t.equal((await client.get('/me')).statusCode, 200)
  })

  test(`by ${method}: after a refresh the request that failed goes through`, async (t) => {
    const { app, clock } = await buildApp(t)
    const client = new Client(app, method)
    await client.login()
    clock.advance(3600)
    t.equal((await client.get('/me')).statusCode, 401)
    const refresh = await client.refresh()
    t.equal(refresh.statusCode, 200)
    t.match(refresh.headers['front-token'], FRONT_TOKEN, 'a 200 without one would be an error')
    t.equal((await client.get('/me')).statusCode, 200)
  })

  test(`by ${method}: a refresh right after another has a front token and keeps what the client has`, async (t) => {
    const { app } = await buildApp(t)
    const client = new Client(app, method)
    await client.login()
    await client.refresh()
    await client.get('/me')
    const { refreshToken } = client
    const again = await client.refresh()
    t.equal(again.statusCode, 200)
    t.match(again.headers['front-token'], FRONT_TOKEN)
    t.equal(client.refreshToken, refreshToken)
    t.equal((await client.get('/me')).statusCode, 200)
  })

  test(`by ${method}: iat is the moment of minting, so that the browser knows the clock's skew`, async (t) => {
    const { app, clock } = await buildApp(t)
    const client = new Client(app, method)
    await client.login()
    for (const step of [() => client.refresh(), () => client.get('/me')]) {
      clock.advance(100)
      const { 'front-token': front } = (await step()).headers
      const { up } = JSON.parse(Buffer.from(String(front), 'base64').toString())
      t.equal(up.iat * 1000, clock.nowMs)
    }
  })

  test(`by ${method}: signing out answers JSON, also where the session is gone`, async (t) => {
    const { app } = await buildApp(t)
    const client = new Client(app, method)
    const { handle } = (await client.login()).json()
    await app.sessions.revoke(handle)
    const reply = await client.post('/auth/signout')
    t.match(reply.headers['content-type'], /^application\/json/)
    t.same(reply.json(), { status: 'OK' })
  })
}

test('cookies that the SDK writes for itself mean nothing to the server', async (t) => {
  const { app } = await buildApp(t)
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  const own = 'st-last-access-token-update=1; sFrontToken=x; sAntiCsrf=y; sIRTFrontend=z'
  const tokens = `st-access-token=${accessToken}; st-refresh-token=x`
  const reply = await app.inject({ url: '/me', headers: { cookie: `${own}; ${tokens}` } })
  t.same(reply.json(), { message: 'unauthorised' })
})

test('the anti-CSRF token comes with a session and with each refresh', async (t) => {
  const { app } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
  const client = new Client(app, 'cookie')
  const login = await client.login()
  const refresh = await client.refresh()
  t.type(login.headers['anti-csrf'], 'string')
  t.type(refresh.headers['anti-csrf'], 'string')
  t.equal((await client.get('/me')).headers['anti-csrf'], undefined)
})

test('a server that fails is no 401, so that the browser keeps its session', async (t) => {
  const { app } = await buildApp(t)
  app.get('/broken', { preHandler: app.verifySession() }, async () => {
    throw new Error('broken')
  })
  const client = new Client(app, 'header')
  await client.login()
  const reply = await client.get('/broken')
  t.equal(reply.statusCode, 500)
  t.equal(reply.headers['front-token'], undefined)
})

test('getAccessToken() has something in cookie mode where the app exposes it', async (t) => {
  const { app } = await buildApp(t, { exposeAccessTokenToFrontendInCookieBasedAuth: true })
  const client = new Client(app, 'cookie')
  t.equal((await client.login()).headers['st-access-token'], client.accessToken)
})

for (const method of ['cookie', 'header'] as const) {
  test(`by ${method}: a first visit is no 5xx even while the store is down, or each request would try again`, async (t) => {
    const store = memoryStore()
    const { app } = await buildApp(t, { store })
    store.get = () => {
      throw new Error('no connection')
    }
    t.equal((await new Client(app, method).refresh()).statusCode, 401)
  })

  test(`by ${method}: the front token is padded base64 of UTF-8, whatever the claims say`, async (t) => {
    const { app } = await buildApp(t)
    const client = new Client(app, method)
    for (const name of ['Zoë', 'Łukasz', '愛']) {
      const reply = await client.login('ada', { accessTokenPayload: { name } })
      const front = String(reply.headers['front-token'])
      t.match(front, FRONT_TOKEN)
      t.equal(front.length % 4, 0)
      t.equal(JSON.parse(Buffer.from(front, 'base64').toString('utf8')).up.name, name)
    }
  })

  test(`by ${method}: a 401 for an expired access token leaves all that the refresh needs`, async (t) => {
    const { app, clock } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
    const client = new Client(app, method)
    await client.login()
    clock.advance(3600)
    keepsTokens(t, await client.get('/me'))
  })

  test(`by ${method}: whatever tokens a reply carries, pages of other origins can read them`, async (t) => {
    const { app } = await buildApp(t, {
      antiCsrf: 'VIA_TOKEN',
      exposeAccessTokenToFrontendInCookieBasedAuth: true
    })
    const names = ['front-token', 'anti-csrf', 'st-access-token', 'st-refresh-token']
    const client = new Client(app, method)
    const replies = [
      await client.login(),
      await client.refresh(),
      await client.get('/me'),
      await client.post('/auth/signout'),
      await client.refresh()
    ]
    for (const { headers } of replies) {
      const exposed = String(headers['access-control-expose-headers']).split(', ')
      t.same(
        exposed.toSorted(),
        names.filter((name) => headers[name] !== undefined).toSorted(),
        'these, each once, and no others'
      )
    }
  })

  test(`by ${method}: tabs that refresh at once without the lock between them stay logged in`, async (t) => {
    const { app } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
    const client = new Client(app, method)
    await client.login()
    const tab = client.copy()
    for (const reply of await Promise.all([client.refresh(), tab.refresh()]))
      t.equal(reply.statusCode, 200)
    t.equal(client.refreshToken, tab.refreshToken)
    for (const one of [client, tab]) t.equal((await one.get('/me')).statusCode, 200)
  })

  test(`by ${method}: a refresh that fails for the server's reasons keeps the session`, async (t) => {
    const store = memoryStore()
    const { app } = await buildApp(t, { store })
    const client = new Client(app, method)
    await client.login()
    const { get } = store
    store.get = () => {
      throw new Error('no connection')
    }
    const reply = await client.refresh()
    t.equal(reply.statusCode, 503)
    keepsTokens(t, reply)
    store.get = get
    t.equal((await client.refresh()).statusCode, 200)
  })

  test(`by ${method}: a claim of the app is {v, t}, as the front end's validators read it`, async (t) => {
    const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'free' })
    const { app } = await buildApp(t, { claims: [plan] })
    const reply = await new Client(app, method).login()
    const { up } = JSON.parse(
      Buffer.from(String(reply.headers['front-token']), 'base64').toString()
    )
    t.same(up.plan, { v: 'free', t: START_MS })
  })
}

test('what the app exposes already stays exposed, and no name is exposed twice', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('access-control-expose-headers', 'x-own, Front-Token')
  })
  await app.register(supersession, FAST_KEYS)
  addRoutes(app)
  const { headers } = await new Client(app, 'header').login()
  t.equal(
    headers['access-control-expose-headers'],
    'x-own, Front-Token, st-access-token, st-refresh-token'
  )
})
