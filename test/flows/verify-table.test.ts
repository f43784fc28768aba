import { METHODS as METHODS_OF_NODE } from 'node:http'
import { type Test, test } from 'tap'
import {
  memoryStore,
  PrimitiveClaim,
  type SupersessionOptions,
  TryRefreshTokenError,
  UnauthorisedError
} from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client, payloadOf, type Response } from '../builders/client.ts'
import { answers, clearsAllTokens, keepsTokens } from '../builders/replies.ts'

const METHODS = ['cookie', 'header'] as const
const TRY_REFRESH = { message: 'try refresh token' }
const UNAUTHORISED = { message: 'unauthorised' }

/** `/me` and, for a session that may be missing, `/maybe`; `/checked` asks the store. */
async function appWith(t: Test, options: SupersessionOptions = {}) {
  const built = await buildApp(t, options)
  const { app } = built
  app.route({
    method: ['GET', 'POST', 'OPTIONS', 'TRACE'],
    url: '/maybe',
    preHandler: app.verifySession({ sessionRequired: false }),
    handler: async ({ session }) => ({ userId: session?.userId ?? null })
  })
  app.get('/checked', { preHandler: app.verifySession({ checkDatabase: true }) }, async () => ({}))
  return built
}

/** Asks for a refresh, and leaves the client the tokens that it refreshes with. */
function asksForRefresh(t: Test, reply: Response): void {
  answers(t, reply, 401, TRY_REFRESH)
  keepsTokens(t, reply)
}

for (const method of METHODS) {
  test(`by ${method}: the check skips no method`, async (t) => {
    const { app, clock } = await appWith(t)
    const client = new Client(app, method)
    app.all(
      '/all',
      { preHandler: app.verifySession({ checkDatabase: true }) },
      async () => 'secret'
    )
    await client.login()
    const verbs = app.supportedMethods.filter((name) => METHODS_OF_NODE.includes(name))
    for (const verb of verbs) {
      // Fastify refuses a QUERY without content.
      const request = {
        method: verb as 'GET',
        url: '/all',
        ...(verb === 'QUERY' && { payload: {} })
      }
      const nobody = await app.inject(request)
      t.equal(nobody.statusCode, 401, verb)
      t.notMatch(nobody.body, 'secret')
      t.equal((await client.request(request)).statusCode, 200, verb)
    }
    clock.advance(3600)
    for (const verb of ['OPTIONS', 'TRACE'] as const)
      asksForRefresh(t, await client.request({ method: verb, url: '/maybe' }))
  })

  test(`by ${method}: on the refresh path the hook of a route refreshes`, async (t) => {
    const { app, clock } = await appWith(t, {
      override: { apis: (original) => ({ ...original, refreshPOST: undefined }) }
    })
    const url = '/auth/session/refresh'
    const answer = async ({ session }: { session: { userId: string } }) => ({
      refreshed: session.userId
    })
    app.route({ method: ['GET', 'POST'], url, preHandler: app.verifySession(), handler: answer })
    app.post(`${url}ed`, { preHandler: app.verifySession() }, answer)
    const client = new Client(app, method)
    await client.login()
    clock.advance(3600)
    const { accessToken, refreshToken } = client
    answers(t, await client.request({ method: 'GET', url }), 401, TRY_REFRESH)
    answers(t, await client.post(`${url}ed`), 401, TRY_REFRESH)
    answers(t, await client.refresh(), 200, { refreshed: 'ada' })
    t.not(client.accessToken, accessToken)
    t.not(client.refreshToken, refreshToken)
    answers(t, await client.get('/me'), 200, {
      userId: 'ada',
      handle: (await app.sessions.list('ada'))[0]
    })
    client.refreshToken = undefined
    const nobody = await client.refresh()
    answers(t, nobody, 401, UNAUTHORISED)
    clearsAllTokens(t, nobody)
  })
}

test('a cookie sIdRefreshToken without a session decides nothing', async (t) => {
  const { app } = await appWith(t)
  const reply = await app.inject({ url: '/maybe', headers: { cookie: 'sIdRefreshToken=x' } })
  t.same(reply.json(), { userId: null })
})

test('by header: a cookie sIdRefreshToken decides nothing', async (t) => {
  const { app } = await appWith(t)
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  const headers = { authorization: `Bearer ${accessToken}`, cookie: 'sIdRefreshToken=x' }
  for (const url of ['/me', '/maybe']) t.equal((await app.inject({ url, headers })).statusCode, 200)
})

test('by cookie: beside sIdRefreshToken a token has to come from a refresh', async (t) => {
  const { app, clock } = await appWith(t)
  const client = new Client(app, 'cookie')
  await client.login()
  const get = (url: string) =>
    app.inject({
      url,
      headers: { cookie: `sAccessToken=${client.accessToken}; sIdRefreshToken=x` }
    })
  for (const url of ['/me', '/maybe']) asksForRefresh(t, await get(url))
  clock.advance(3600)
  asksForRefresh(t, await get('/me'))
  await client.refresh()
  for (const url of ['/me', '/maybe']) t.equal((await get(url)).statusCode, 200)
})

test('by cookie: beside sIdRefreshToken one refresh is enough', async (t) => {
  const { app, clock } = await appWith(t)
  const client = new Client(app, 'cookie')
  await client.login()
  clock.advance(1)
  await client.refresh()
  const send = async (method: 'GET' | 'POST', url: string) => {
    const cookie = `sAccessToken=${client.accessToken}; sIdRefreshToken=x`
    const reply = await app.inject({ method, url, headers: { cookie } })
    const renewed = reply.cookies.find(({ name }) => name === 'sAccessToken')
    if (renewed !== undefined) client.accessToken = renewed.value
    return reply.statusCode
  }
  for (const _use of [1, 2, 3]) t.equal(await send('GET', '/me'), 200)
  t.equal(await send('POST', '/auth/signout'), 200)
})

test('by cookie: two access cookies ask for a refresh where neither is good', async (t) => {
  const { app } = await appWith(t)
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  const headers = { cookie: `sAccessToken=a; sAccessToken=${accessToken}b` }
  for (const url of ['/me', '/maybe']) asksForRefresh(t, await app.inject({ url, headers }))
})

test('by header: access cookies do not matter, however many', async (t) => {
  const { app } = await appWith(t)
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  const cookie = 'sAccessToken=a; sAccessToken=b'
  const headers = { authorization: `Bearer ${accessToken}`, cookie }
  t.equal((await app.inject({ url: '/me', headers })).statusCode, 200)
})

for (const antiCsrf of ['VIA_CUSTOM_HEADER', 'VIA_TOKEN'] as const) {
  test(`with ${antiCsrf}: nothing is asked of a header token, or of a request without one`, async (t) => {
    const { app } = await appWith(t, { antiCsrf })
    const { accessToken } = await app.sessions.issue({ userId: 'ada' })
    const headers = { authorization: `Bearer ${accessToken}` }
    t.equal((await app.inject({ method: 'POST', url: '/me', headers })).statusCode, 200)
    answers(t, await app.inject({ method: 'POST', url: '/me' }), 401, UNAUTHORISED)
    answers(t, await app.inject({ method: 'POST', url: '/maybe' }), 200, { userId: null })
  })
}

test('by cookie: with VIA_CUSTOM_HEADER a request has to have a rid header, of any value', async (t) => {
  const { app } = await appWith(t, { antiCsrf: 'VIA_CUSTOM_HEADER' })
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  const cookie = `sAccessToken=${accessToken}`
  const post = (headers: object) =>
    app.inject({ method: 'POST', url: '/maybe', headers: { cookie, ...headers } })
  asksForRefresh(t, await post({}))
  for (const rid of ['session', 'anti-csrf', ''])
    answers(t, await post({ rid }), 200, { userId: 'ada' })
  t.equal((await app.inject({ url: '/me', headers: { cookie } })).statusCode, 200, 'GET is safe')
})

for (const method of METHODS) {
  test(`by ${method}: without a token a session that is required is 401, and clears nothing`, async (t) => {
    const { app } = await appWith(t)
    const client = new Client(app, method)
    for (const token of [undefined, 'no.jwt.ofours', 'garbage']) {
      client.accessToken = token
      const reply = await client.get('/me')
      answers(t, reply, 401, UNAUTHORISED)
      keepsTokens(t, reply)
    }
  })

  test(`by ${method}: without a token a session that is optional is null`, async (t) => {
    const { app } = await appWith(t)
    const client = new Client(app, method)
    for (const token of [undefined, 'no.jwt.ofours', 'garbage']) {
      client.accessToken = token
      const reply = await client.get('/maybe')
      answers(t, reply, 200, { userId: null })
      keepsTokens(t, reply)
    }
  })
}

test('what is no access token is none where it is passed by hand', async (t) => {
  const { app } = await appWith(t)
  for (const text of ['', 'garbage', 'a.b.c']) {
    const error = await app.sessions.verify(text).catch((thrown: unknown) => thrown)
    t.ok(error instanceof UnauthorisedError)
    t.match(error, { payload: { clearTokens: false } })
    t.equal(await app.sessions.verify(text, undefined, { sessionRequired: false }), null)
  }
})

for (const method of METHODS) {
  test(`by ${method}: an access token that is expired, forged or of no key of ours asks for a refresh, also where a session is optional`, async (t) => {
    const { app, clock } = await appWith(t)
    const client = new Client(app, method)
    await client.login()
    const stranger = await buildApp(t)
    const { accessToken: foreign } = await stranger.app.sessions.issue({ userId: 'ada' })
    const good = String(client.accessToken)
    const [head, , signature] = good.split('.')
    const eve = Buffer.from(JSON.stringify({ ...payloadOf(good), sub: 'eve' })).toString(
      'base64url'
    )
    for (const token of [foreign, `${head}.${eve}.${signature}`]) {
      client.accessToken = token
      for (const url of ['/me', '/maybe']) asksForRefresh(t, await client.get(url))
    }
    client.accessToken = good
    clock.advance(3599)
    t.equal((await client.get('/me')).statusCode, 200)
    clock.advance(1)
    for (const url of ['/me', '/maybe']) asksForRefresh(t, await client.get(url))
  })

  test(`by ${method}: a token that was signed with the other kind of key asks for a refresh`, async (t) => {
    const store = memoryStore()
    const before = await appWith(t, { store, useDynamicAccessTokenSigningKey: false })
    const client = new Client(before.app, method)
    await client.login()
    const { app } = await appWith(t, { store })
    const after = Object.assign(new Client(app, method), {
      accessToken: client.accessToken,
      refreshToken: client.refreshToken
    })
    asksForRefresh(t, await after.get('/me'))
    t.equal((await after.refresh()).statusCode, 200)
    t.equal((await after.get('/me')).statusCode, 200)
  })
}

test('by cookie: with VIA_TOKEN the anti-csrf header has to say what the access token says', async (t) => {
  const { app } = await appWith(t, { antiCsrf: 'VIA_TOKEN' })
  const client = new Client(app, 'cookie')
  await client.login()
  const { antiCsrf } = client
  for (const wrong of [undefined, '', 'x', `${antiCsrf}x`]) {
    client.antiCsrf = wrong
    asksForRefresh(t, await client.post('/maybe'))
  }
  client.antiCsrf = antiCsrf
  answers(t, await client.post('/maybe'), 200, { userId: 'ada' })
})

test('by cookie: with VIA_TOKEN a token that carries no value is refused, whatever comes along', async (t) => {
  const { app } = await appWith(t, { antiCsrf: 'VIA_TOKEN' })
  const { accessToken } = await app.sessions.issue({ userId: 'ada', disableAntiCsrf: true })
  const cookie = `sAccessToken=${accessToken}`
  for (const antiCsrf of ['', 'null', 'x']) {
    const headers = { cookie, 'anti-csrf': antiCsrf }
    asksForRefresh(t, await app.inject({ method: 'POST', url: '/maybe', headers }))
  }
})

for (const method of METHODS) {
  test(`by ${method}: a session that is gone is 401 where the store is asked, and the tokens go`, async (t) => {
    const { app } = await appWith(t)
    for (const url of ['/checked', '/me']) {
      const client = new Client(app, method)
      const { handle } = (await client.login()).json()
      // `/me` asks the store for a token that comes from a refresh.
      if (url === '/me') await client.refresh()
      await app.sessions.revoke(handle)
      const reply = await client.get(url)
      answers(t, reply, 401, UNAUTHORISED)
      clearsAllTokens(t, reply)
    }
  })

  test(`by ${method}: a session that is over counts as gone before it is purged`, async (t) => {
    const { app, clock } = await appWith(t, {
      accessTokenValidity: '1h',
      refreshTokenValidity: '90m'
    })
    const client = new Client(app, method)
    await client.login()
    clock.advance(45 * 60)
    t.equal((await client.get('/checked')).statusCode, 200)
    await client.refresh()
    clock.advance(45 * 60)
    const reply = await client.get('/checked')
    answers(t, reply, 401, UNAUTHORISED)
    clearsAllTokens(t, reply)
  })

  test(`by ${method}: claims that do not pass are 403 with each failure, and the tokens stay`, async (t) => {
    const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => undefined })
    const { app } = await appWith(t, { globalClaimValidators: [plan.validators.hasValue('pro')] })
    const client = new Client(app, method)
    await client.login('ada', { accessTokenPayload: { plan: { v: 'free', t: 0 } } })
    const reply = await client.get('/me')
    answers(t, reply, 403, {
      message: 'invalid claim',
      claimValidationErrors: [
        {
          id: 'plan',
          reason: { message: 'wrong value', expectedValue: 'pro', actualValue: 'free' }
        }
      ]
    })
    keepsTokens(t, reply)
  })

  test(`by ${method}: nothing is put on the reply where the token stays as it is`, async (t) => {
    const { app } = await appWith(t, { exposeAccessTokenToFrontendInCookieBasedAuth: true })
    const client = new Client(app, method)
    await client.login()
    for (const url of ['/me', '/maybe', '/checked']) keepsTokens(t, await client.get(url))
  })

  for (const [news, options, before] of [
    [
      'the first use after a refresh',
      {},
      async (client: Client) => {
        await client.refresh()
      }
    ],
    [
      'claims that changed in the store',
      {},
      async (_client: Client, merge: () => Promise<unknown>) => {
        await merge()
      }
    ],
    [
      'a claim that is fetched anew',
      {
        globalClaimValidators: [
          new PrimitiveClaim({ key: 'plan', fetchValue: () => 'pro' }).validators.hasValue('pro')
        ]
      },
      async () => {}
    ]
  ] as const) {
    test(`by ${method}: ${news} brings a new access token, by the method that the old one came by`, async (t) => {
      const { app } = await appWith(t, { antiCsrf: 'VIA_TOKEN', ...options })
      const client = new Client(app, method)
      const { handle } = (await client.login()).json()
      await before(client, () => app.sessions.mergePayload(handle, { plan: 'pro' }))
      const { accessToken } = client
      const reply = await client.get('/checked')
      t.equal(reply.statusCode, 200)
      t.not(client.accessToken, accessToken)
      t.equal(payloadOf(client.accessToken)['parentRefreshTokenHash1'], null)
      const front = Buffer.from(String(reply.headers['front-token']), 'base64').toString()
      t.same(JSON.parse(front).up, payloadOf(client.accessToken))
      t.same(
        reply.cookies.map(({ name }) => name),
        method === 'cookie' ? ['sAccessToken'] : []
      )
      t.equal(reply.headers['st-refresh-token'], undefined, 'the refresh token stays')
      t.equal(reply.headers['anti-csrf'], undefined, 'its anti-CSRF value is what it was')
      keepsTokens(t, await client.get('/checked'))
    })
  }

  test(`by ${method}: app.sessions.get throws to the app what the hook would answer`, async (t) => {
    const { app, clock } = await appWith(t)
    const thrown: unknown[] = []
    app.get('/direct', async (request, reply) => {
      try {
        return { userId: (await app.sessions.get(request, reply)).userId }
      } catch (error) {
        thrown.push(error)
        throw error
      }
    })
    const client = new Client(app, method)
    answers(t, await client.get('/direct'), 401, UNAUTHORISED)
    await client.login()
    answers(t, await client.get('/direct'), 200, { userId: 'ada' })
    clock.advance(3600)
    asksForRefresh(t, await client.get('/direct'))
    t.ok(thrown[0] instanceof UnauthorisedError)
    t.ok(thrown[1] instanceof TryRefreshTokenError)
  })
}
