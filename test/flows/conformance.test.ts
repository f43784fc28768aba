import { test } from 'tap'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'

// The protocol's own list of what a server has to get right, by its numbers. Its third item is
// transfer-method.test.ts and cookies.test.ts.

const headerOf = (token: string | undefined) =>
  JSON.parse(Buffer.from(String(token).split('.')[0] as string, 'base64url').toString())

for (const method of ['cookie', 'header'] as const) {
  test(`1, by ${method}: ten keys, a version that is text, a kid that names the kind of key`, async (t) => {
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

  test(`1, by ${method}: a key is published for a minute before it signs`, async (t) => {
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

  test(`2, by ${method}: a verification promotes, and the first use after a refresh is re-issued`, async (t) => {
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

  test(`4, by ${method}: the bodies are those that front ends know`, async (t) => {
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

  test(`5, by ${method}: what clears says front-token: remove, and only what has to clears`, async (t) => {
    const { app, clock } = await buildApp(t)
    const client = new Client(app, method)
    await client.login()
    const front = async (reply: ReturnType<Client['get']>) => (await reply).headers['front-token']
    t.equal(await front(new Client(app, method).get('/me')), undefined, 'no token')
    t.equal(await front(new Client(app, method).refresh()), 'remove', 'no refresh token')
    clock.advance(3600)
    t.equal(await front(client.get('/me')), undefined, 'an expired token')
    await client.refresh()
    await client.get('/me')
    t.equal(await front(client.post('/auth/signout')), 'remove', 'signing out')
  })

  test(`7, by ${method}: iat is when this very token was minted, and a merge keeps exp`, async (t) => {
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

test('6: the first visit is answered with 401 at once', async (t) => {
  const { app } = await buildApp(t)
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh' })
  t.equal(reply.statusCode, 401)
  t.equal(reply.headers['front-token'], 'remove')
})

test('8: of many who change one session at once, one writes at a time and none is lost', async (t) => {
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
