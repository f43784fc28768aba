import { createHash } from 'node:crypto'
import { type Test, test } from 'tap'
import { PrimitiveClaim, type SupersessionOptions } from '../../lib/index.ts'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client, payloadOf, type Response } from '../builders/client.ts'
import { answers, clearsAllTokens, clearsTokens, keepsTokens } from '../builders/replies.ts'

const METHODS = ['cookie', 'header'] as const
const UNAUTHORISED = { message: 'unauthorised' }
const GRACE_SECONDS = 30

/** An app whose clock moves in the test, and a client that has logged in. */
async function loggedIn(
  t: Test,
  method: (typeof METHODS)[number],
  options: SupersessionOptions = {}
) {
  const built = await buildApp(t, options)
  const client = new Client(built.app, method)
  const { handle } = (await client.login()).json() as { handle: string }
  return { ...built, client, handle }
}

function isLoggedOut(t: Test, reply: Response): void {
  answers(t, reply, 401, UNAUTHORISED)
  clearsAllTokens(t, reply)
}

test('refresh: of two refresh cookies the good one is exchanged', async (t) => {
  const { app, client } = await loggedIn(t, 'cookie')
  const cookie = `sRefreshToken=${client.refreshToken}; sRefreshToken=older`
  const headers = { cookie }
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
  answers(t, reply, 200, {})
  t.same(
    reply.cookies.map(({ name }) => name),
    ['sAccessToken', 'sRefreshToken']
  )
})

test('refresh: with olderCookieDomain the older ones are cleared, with 200 and no front token', async (t) => {
  const { app, client } = await loggedIn(t, 'cookie', { olderCookieDomain: '' })
  const cookie = `sRefreshToken=${client.refreshToken}; sRefreshToken=older`
  const headers = { cookie }
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
  t.equal(reply.statusCode, 200)
  t.same(Object.keys(reply.json()), ['message'])
  t.equal(reply.headers['front-token'], undefined)
  t.equal((await client.refresh()).statusCode, 200, 'the refresh itself did not happen')
})

test('refresh: where only headers are taken, cookies are not counted', async (t) => {
  const { app, client } = await loggedIn(t, 'header', { getTokenTransferMethod: () => 'header' })
  const headers = {
    authorization: `Bearer ${client.refreshToken}`,
    cookie: 'sRefreshToken=a; sRefreshToken=b'
  }
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
  t.equal(reply.statusCode, 200)
})

for (const method of METHODS) {
  test(`refresh by ${method}: without a refresh token it is 401, and everything is cleared`, async (t) => {
    const { client } = await loggedIn(t, method)
    client.refreshToken = undefined
    isLoggedOut(t, await client.refresh())
  })
}

test('refresh: with VIA_CUSTOM_HEADER a refresh cookie without rid is 401, a header token is not', async (t) => {
  const { app } = await buildApp(t, { antiCsrf: 'VIA_CUSTOM_HEADER' })
  const { refreshToken } = await app.sessions.issue({ userId: 'ada' })
  const refresh = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
  isLoggedOut(t, await refresh({ cookie: `sRefreshToken=${refreshToken}` }))
  answers(t, await refresh({ authorization: `Bearer ${refreshToken}` }), 200, {})
  answers(t, await refresh({ cookie: `sRefreshToken=${refreshToken}`, rid: 'session' }), 200, {})
})

for (const method of METHODS) {
  test(`refresh by ${method}: a token that is not ours is 401, and everything is cleared`, async (t) => {
    const { client } = await loggedIn(t, method)
    const { refreshToken: good } = client
    for (const text of ['garbage', `${good}x`, String(client.accessToken)]) {
      client.refreshToken = text
      isLoggedOut(t, await client.refresh())
    }
    client.refreshToken = good
    answers(t, await client.refresh(), 200, {})
  })

  test(`refresh by ${method}: a session that was revoked is 401, and everything is cleared`, async (t) => {
    const { app, client, handle } = await loggedIn(t, method)
    await app.sessions.revoke(handle)
    isLoggedOut(t, await client.refresh())
  })

  test(`refresh by ${method}: a session that is over is 401, and everything is cleared`, async (t) => {
    const { client, clock } = await loggedIn(t, method, { refreshTokenValidity: '2h' })
    clock.advance(7200)
    isLoggedOut(t, await client.refresh())
  })

  test(`refresh by ${method}: a token that was rotated away is a theft, and ends the session`, async (t) => {
    const { app, client, clock, handle } = await loggedIn(t, method)
    const thief = client.copy()
    await client.refresh()
    await client.get('/me')
    clock.advance(GRACE_SECONDS)
    const caught = await thief.refresh()
    answers(t, caught, 401, { message: 'token theft detected' })
    clearsAllTokens(t, caught)
    t.equal(await app.sessions.info(handle), null)
    isLoggedOut(t, await client.refresh())
  })
}

test('refresh by cookie: with VIA_TOKEN a wrong anti-CSRF value is 401, and everything is cleared', async (t) => {
  const { client } = await loggedIn(t, 'cookie', { antiCsrf: 'VIA_TOKEN' })
  const { antiCsrf, refreshToken } = client
  for (const wrong of [undefined, 'x']) {
    Object.assign(client, { antiCsrf: wrong, refreshToken })
    isLoggedOut(t, await client.refresh())
  }
  Object.assign(client, { antiCsrf, refreshToken })
  answers(t, await client.refresh(), 200, {})
})

for (const method of METHODS) {
  test(`refresh by ${method}: all tokens are new, and belong together`, async (t) => {
    const { client, clock } = await loggedIn(t, method, { antiCsrf: 'VIA_TOKEN' })
    const before = client.copy()
    clock.advance(3600)
    const reply = await client.refresh()
    answers(t, reply, 200, {})
    for (const name of ['accessToken', 'refreshToken', 'frontToken'] as const)
      t.not(client[name], before[name], name)
    const payload = payloadOf(client.accessToken)
    const h1 = (text: unknown) => createHash('sha256').update(String(text)).digest('hex')
    t.match(payload, {
      refreshTokenHash1: h1(client.refreshToken),
      parentRefreshTokenHash1: h1(before.refreshToken),
      iat: clock.nowMs / 1000,
      exp: clock.nowMs / 1000 + 3600
    })
    if (method === 'cookie') {
      t.not(client.antiCsrf, before.antiCsrf)
      t.equal(payload['antiCsrfToken'], client.antiCsrf)
      const [, refreshCookie] = reply.cookies
      t.equal(refreshCookie?.expires?.getTime(), clock.nowMs + 100 * 86_400_000)
    } else {
      t.equal(payload['antiCsrfToken'], null)
      t.same(reply.cookies, [])
    }
  })

  test(`refresh, by ${method}: the access token may be missing or expired, and claims are not asked for`, async (t) => {
    const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => undefined })
    const { client, clock } = await loggedIn(t, method, {
      globalClaimValidators: [plan.validators.hasValue('pro')]
    })
    clock.advance(3600)
    t.equal((await client.refresh()).statusCode, 200)
    client.accessToken = undefined
    t.equal((await client.refresh()).statusCode, 200)
    t.equal((await client.get('/me')).statusCode, 403)
  })

  test(`sign-out, by ${method}: the session ends, and the tokens of its method go`, async (t) => {
    const { app, client, handle } = await loggedIn(t, method)
    const reply = await client.post('/auth/signout')
    answers(t, reply, 200, { status: 'OK' })
    clearsTokens(t, reply, method)
    t.equal(reply.headers['front-token'], 'remove')
    t.equal(await app.sessions.info(handle), null)
  })

  test(`sign-out, by ${method}: without a session it is 401, and clears nothing`, async (t) => {
    const { app } = await buildApp(t)
    const reply = await new Client(app, method).post('/auth/signout')
    answers(t, reply, 401, UNAUTHORISED)
    keepsTokens(t, reply)
  })

  test(`sign-out, by ${method}: with an expired access token it asks for a refresh, and works after it`, async (t) => {
    const { client, clock } = await loggedIn(t, method)
    clock.advance(3600)
    const refused = await client.post('/auth/signout')
    answers(t, refused, 401, { message: 'try refresh token' })
    keepsTokens(t, refused)
    await client.refresh()
    answers(t, await client.post('/auth/signout'), 200, { status: 'OK' })
  })

  test(`sign-out, by ${method}: a session that was revoked elsewhere is signed out as well`, async (t) => {
    const { app, client, handle } = await loggedIn(t, method)
    await app.sessions.revoke(handle)
    const reply = await client.post('/auth/signout')
    answers(t, reply, 200, { status: 'OK' })
    clearsTokens(t, reply, method)
  })
}

test('sign-out, by cookie: the anti-CSRF check applies', async (t) => {
  const { client, app } = await loggedIn(t, 'cookie', { antiCsrf: 'VIA_TOKEN' })
  const { antiCsrf } = client
  client.antiCsrf = 'wrong'
  answers(t, await client.post('/auth/signout'), 401, { message: 'try refresh token' })
  t.equal((await app.sessions.list('ada')).length, 1)
  client.antiCsrf = antiCsrf
  answers(t, await client.post('/auth/signout'), 200, { status: 'OK' })
})

test('sign-out: an override may answer a general error with 200', async (t) => {
  const refusal = { status: 'GENERAL_ERROR', message: 'not now' }
  const { app, client } = await loggedIn(t, 'cookie', {
    override: { apis: (original) => ({ ...original, signOutPOST: async () => refusal }) }
  })
  answers(t, await client.post('/auth/signout'), 200, refusal)
  t.equal((await app.sessions.list('ada')).length, 1)
})

test('JWKS: the public keys, for as long as they may be cached, for every origin', async (t) => {
  const { app, clock } = await buildApp(t, { signingAlgorithm: 'RS256' })
  // The static key is made with the first JWT that it signs.
  await app.sessions.createJWT()
  const reply = await app.inject('/auth/jwt/jwks.json')
  t.equal(reply.statusCode, 200)
  const { keys } = reply.json()
  t.same(Object.keys(reply.json()), ['keys'])
  t.match(keys, [
    { kty: 'RSA', alg: 'RS256', use: 'sig', kid: `d-${START_MS}` },
    { kty: 'RSA', alg: 'RS256', use: 'sig', kid: /^s-[0-9a-f-]{36}$/ }
  ])
  for (const key of keys)
    t.same(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use'], 'nothing private')
  t.equal(reply.headers['access-control-allow-origin'], '*')
  t.equal(reply.headers['cache-control'], `max-age=${7 * 86_400 - 60}, must-revalidate`)
  clock.advance(7 * 86_400 - 60)
  const due = await app.inject('/auth/jwt/jwks.json')
  t.equal(due.headers['cache-control'], 'max-age=1, must-revalidate')
})

test('discovery: issuer, keys and algorithm, and no endpoint that does not exist, for every origin', async (t) => {
  const { app } = await buildApp(t, {
    appInfo: { apiDomain: 'https://api.example.com', apiBasePath: '/api' }
  })
  const reply = await app.inject('/api/.well-known/openid-configuration')
  const issuer = 'https://api.example.com/api'
  answers(t, reply, 200, {
    issuer,
    jwks_uri: `${issuer}/jwt/jwks.json`,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256']
  })
  t.equal(reply.headers['access-control-allow-origin'], '*')
})

test('JWKS and discovery say * over what a CORS hook of the app had set', async (t) => {
  const { default: Fastify } = await import('fastify')
  const { default: supersession } = await import('../../lib/index.ts')
  const app = Fastify()
  t.teardown(() => app.close())
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('access-control-allow-origin', 'https://example.com')
  })
  await app.register(supersession, { signingAlgorithm: 'ES256' })
  for (const path of ['jwt/jwks.json', '.well-known/openid-configuration'])
    t.equal((await app.inject(`/auth/${path}`)).headers['access-control-allow-origin'], '*')
})
