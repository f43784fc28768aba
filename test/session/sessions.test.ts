import { test } from 'tap'
import {
  InvalidClaimsError,
  memoryStore,
  TryRefreshTokenError,
  UnauthorisedError
} from '../../lib/index.ts'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'

const DAY_MS = 86_400_000

test('a session is listed and described until it is revoked', async (t) => {
  const { app } = await buildApp(t)
  const { handle } = (
    await new Client(app, 'header').login('ada', {
      accessTokenPayload: { plan: 'pro', sub: 'eve', iss: 'me' },
      sessionData: { ip: 'x' }
    })
  ).json()
  t.same(await app.sessions.list('ada'), [handle])
  t.same(await app.sessions.info(handle), {
    handle,
    userId: 'ada',
    tenantId: 'public',
    createdAt: START_MS,
    expiresAt: START_MS + 100 * DAY_MS,
    sessionData: { ip: 'x' },
    accessTokenPayload: { plan: 'pro', iss: 'http://localhost:3000/auth' },
    lastRefreshedAt: START_MS,
    device: { userAgent: 'lightMyRequest' }
  })
  t.equal(await app.sessions.revoke(handle), true)
  t.equal(await app.sessions.revoke(handle), false)
  t.equal(await app.sessions.info(handle), null)
  t.same(await app.sessions.list('ada'), [])
})

test('sessions are listed and revoked per tenant or for all', async (t) => {
  const { app, clock } = await buildApp(t)
  const handles = []
  for (const tenantId of [undefined, 't-1', 't-1', 't2']) {
    clock.advance(1)
    const { session } = await app.sessions.issue({
      userId: 'ada',
      ...(tenantId && { tenantId })
    })
    t.equal(session.tenantId, tenantId ?? 'public')
    handles.push(session.handle)
  }
  const [open = '', a = '', b = '', c = ''] = handles
  t.match(a, /^[0-9a-f-]{36}_t-1$/)
  t.equal((await app.sessions.info(a))?.tenantId, 't-1')
  t.same(await app.sessions.list('ada'), handles, 'those that end first in front')
  t.same(await app.sessions.list('ada', { tenantId: 't-1' }), [a, b])
  t.same(await app.sessions.list('ada', { tenantId: 'public' }), [open])
  t.same(await app.sessions.revokeAll('ada', { tenantId: 't-1' }), [a, b])
  t.same(await app.sessions.revokeMany([a, c, 'nobody']), [c])
  t.same(await app.sessions.revokeAll('ada'), [open])
  t.same(await app.sessions.list('nobody'), [])
})

test('a session that ended is neither listed nor described, changed or refreshed', async (t) => {
  const { app, clock } = await buildApp(t, { refreshTokenValidity: '2h' })
  const client = new Client(app, 'header')
  const { handle } = (await client.login()).json()
  clock.advance(7200)
  t.same(await app.sessions.list('ada'), [])
  t.equal(await app.sessions.info(handle), null)
  t.equal(await app.sessions.updateData(handle, {}), false)
  t.equal(await app.sessions.mergePayload(handle, {}), false)
  t.same((await client.refresh()).json(), { message: 'unauthorised' })
})

test('a session ends its validity after its last confirmed refresh', async (t) => {
  const { app, clock } = await buildApp(t)
  const client = new Client(app, 'header')
  const { handle } = (await client.login()).json()
  const endsAt = async () => (await app.sessions.info(handle))?.expiresAt
  clock.advance(3600)
  await client.refresh()
  t.equal(await endsAt(), START_MS + 100 * DAY_MS, 'a refresh alone moves nothing')
  await client.get('/me')
  t.equal(await endsAt(), clock.nowMs + 100 * DAY_MS, 'the first use does')
  clock.advance(3600)
  await client.refresh()
  clock.advance(3600)
  await client.refresh()
  t.equal(await endsAt(), clock.nowMs + 100 * DAY_MS, 'and so does the next refresh')
})

test('session data is replaced, by handle and on the session', async (t) => {
  const { app } = await buildApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada', sessionData: { a: 1, b: 2 } })
  t.same(await session.getData(), { a: 1, b: 2 })
  await session.updateData({ c: 3 })
  t.same(await session.getData(), { c: 3 })
  t.equal(await app.sessions.updateData(session.handle, { d: 4 }), true)
  const data = await session.getData()
  data['d'] = 'changed outside'
  t.same(await session.getData(), { d: 4 })
  await session.revoke()
  await t.rejects(session.getData(), UnauthorisedError)
  await t.rejects(session.updateData({}), UnauthorisedError)
  await t.rejects(session.mergePayload({}), UnauthorisedError)
})

test('a session tells its own times apart from those of its token', async (t) => {
  const { app, clock } = await buildApp(t)
  const { session, refreshToken = '' } = await app.sessions.issue({ userId: 'ada' })
  clock.advance(3600)
  const { session: refreshed } = await app.sessions.rotate(refreshToken)
  t.match(refreshed, { createdAt: START_MS + 3_600_000, expiresAt: START_MS + 7_200_000 })
  const { createdAt, expiresAt, handle } = await refreshed.info()
  t.same([createdAt, handle], [START_MS, session.handle])
  t.equal(expiresAt, START_MS + 100 * DAY_MS)
  await session.revoke()
  await t.rejects(refreshed.info(), UnauthorisedError)
})

test('claims merge at the root, null and undefined remove, the protocol’s are refused', async (t) => {
  const { app } = await buildApp(t)
  const { session } = await app.sessions.issue({
    userId: 'ada',
    accessTokenPayload: { a: 1, b: { c: 1, d: null }, e: 1 }
  })
  const claims = async () => (await app.sessions.info(session.handle))?.accessTokenPayload
  const update = { b: { d: null }, e: null, f: 'new', sub: null, a: undefined }
  t.equal(await app.sessions.mergePayload(session.handle, update), true)
  t.same(await claims(), { b: { d: null }, f: 'new', iss: 'http://localhost:3000/auth' })
  await t.rejects(app.sessions.mergePayload(session.handle, { sub: 'eve' }), /'sub'/)
  await t.rejects(app.sessions.mergePayload(session.handle, { x: 'x'.repeat(5000) }), /4096 bytes/)
  t.same(await claims(), { b: { d: null }, f: 'new', iss: 'http://localhost:3000/auth' })
  t.equal(await app.sessions.mergePayload('nobody', {}), false)
})

test('merging claims on the session gives the client a new token with the same end', async (t) => {
  const { app, clock } = await buildApp(t)
  app.post('/upgrade', { preHandler: app.verifySession() }, async ({ session }) => {
    await session.mergePayload({ plan: 'pro' })
    return { payload: session.payload, text: session.accessToken, expiresAt: session.expiresAt }
  })
  const client = new Client(app, 'cookie')
  await client.login()
  const { exp } = payloadOf(client.accessToken)
  clock.advance(60)
  const reply = await client.post('/upgrade')
  const payload = payloadOf(client.accessToken)
  t.match(payload, { plan: 'pro', exp, iat: clock.nowMs / 1000, parentRefreshTokenHash1: null })
  t.same(reply.json(), { payload, text: client.accessToken, expiresAt: Number(exp) * 1000 })
  t.type(reply.headers['front-token'], 'string')
  t.equal((await client.get('/me')).statusCode, 200)
})

test('claims that are merged while a session expires come with the refresh', async (t) => {
  const { app, clock } = await buildApp(t)
  app.post('/slow', { preHandler: app.verifySession() }, async ({ session }) => {
    clock.advance(3600)
    await session.mergePayload({ plan: 'pro' })
    return {}
  })
  const client = new Client(app, 'header')
  await client.login()
  const reply = await client.post('/slow')
  t.equal(reply.statusCode, 200)
  t.equal(reply.headers['st-access-token'], undefined)
  await client.refresh()
  t.equal(payloadOf(client.accessToken)['plan'], 'pro')
})

test('a checked verification brings claims that were merged by handle', async (t) => {
  const { app } = await buildApp(t)
  app.get(
    '/checked',
    { preHandler: app.verifySession({ checkDatabase: true }) },
    async (request) => ({
      plan: request.session.payload['plan']
    })
  )
  const client = new Client(app, 'header')
  const { handle } = (await client.login()).json()
  t.equal((await client.get('/checked')).headers['front-token'], undefined)
  await app.sessions.mergePayload(handle, { plan: 'pro' })
  const reply = await client.get('/checked')
  t.same(reply.json(), { plan: 'pro' })
  t.equal(payloadOf(client.accessToken)['plan'], 'pro')
  t.equal((await client.get('/checked')).headers['front-token'], undefined)
})

test('assertClaims throws for what does not pass', async (t) => {
  const { app } = await buildApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const fails = { id: 'x', validate: () => ({ isValid: false, reason: 'no' }) as const }
  await session.assertClaims([])
  await t.rejects(session.assertClaims([fails]), InvalidClaimsError)
})

test('tokens that the app moves itself are verified and rotated', async (t) => {
  const { app, clock } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
  const issued = await app.sessions.issue({ userId: 'ada' })
  const { accessToken } = issued
  const antiCsrfToken = String(issued.antiCsrfToken)
  t.equal((await app.sessions.verify(accessToken, antiCsrfToken)).session.userId, 'ada')
  await t.rejects(app.sessions.verify(accessToken), TryRefreshTokenError)
  const unchecked = { antiCsrfCheck: false }
  t.ok(await app.sessions.verify(accessToken, undefined, unchecked))
  await t.rejects(app.sessions.verify('x'), UnauthorisedError)
  t.equal(await app.sessions.verify('x', undefined, { sessionRequired: false }), null)

  clock.advance(3600)
  const refreshToken = String(issued.refreshToken)
  await t.rejects(app.sessions.rotate(refreshToken), UnauthorisedError)
  const rotated = await app.sessions.rotate(refreshToken, { antiCsrfToken })
  t.type(rotated.antiCsrfToken, 'string')
  const plain = await app.sessions.rotate(refreshToken, { disableAntiCsrf: true })
  t.equal(plain.antiCsrfToken, null)
  const verified = await app.sessions.verify(rotated.accessToken, String(rotated.antiCsrfToken))
  t.not(verified.accessToken, rotated.accessToken, 'the first use confirms it')
  t.equal(verified.refreshToken, undefined)
})

test('an empty anti-CSRF token does not pass for the one that a token lacks', async (t) => {
  const { app } = await buildApp(t, { antiCsrf: 'VIA_TOKEN' })
  const { accessToken } = await app.sessions.issue({ userId: 'ada', disableAntiCsrf: true })
  for (const antiCsrfToken of [undefined, '', 'x'])
    await t.rejects(app.sessions.verify(accessToken, antiCsrfToken), TryRefreshTokenError)
})

test('without a request the custom header cannot be checked, and that is said', async (t) => {
  const { app } = await buildApp(t, { antiCsrf: 'VIA_CUSTOM_HEADER' })
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  await t.rejects(app.sessions.verify(accessToken), /antiCsrfCheck: false/)
  t.ok(await app.sessions.verify(accessToken, undefined, { antiCsrfCheck: false }))
})

test('what a session cannot start with is refused by name', async (t) => {
  const { app } = await buildApp(t)
  for (const [input, message] of [
    [{ userId: '' }, /userId/],
    [{ userId: 5 }, /userId/],
    [{ userId: 'x'.repeat(513) }, /userId/],
    [{ userId: '漢'.repeat(171) }, /userId/],
    [{ userId: 'boss\ud800' }, /userId must be well-formed/],
    [{ userId: '\udc00boss' }, /userId must be well-formed/],
    [{ userId: 'boss\0' }, /userId must be well-formed/],
    [{ userId: 'ada', tenantId: 'a_b' }, /tenantId/],
    [{ userId: 'ada', tenantId: 'a'.repeat(65) }, /tenantId/],
    [{ userId: 'ada', tenantId: 5 }, /tenantId/],
    [{ userId: 'ada', accessTokenPayload: [] }, /accessTokenPayload must be an object/],
    [{ userId: 'ada', accessTokenPayload: { a: 'x'.repeat(5000) } }, /4096 bytes/],
    [{ userId: 'ada', sessionData: 'x' }, /sessionData must be an object/],
    [{ userId: 'ada', sessionData: new Date(0) }, /sessionData must be an object in JSON/],
    [{ userId: 'ada', sessionData: { toJSON: () => undefined } }, /an object in JSON/]
  ] as const)
    await t.rejects(app.sessions.issue(input as { userId: string }), message)
  const nulls = { userId: 'ada', accessTokenPayload: null, sessionData: null }
  const { session } = await app.sessions.issue(nulls as unknown as { userId: string })
  t.same(await session.getData(), {})
})

for (const userId of ['x'.repeat(512), '漢'.repeat(170), '\u0001'.repeat(85)])
  test(`the largest claims still make a token that is taken, for ${JSON.stringify(userId.slice(0, 2))}`, async (t) => {
    const { app } = await buildApp(t, { signingAlgorithm: 'RS256', antiCsrf: 'VIA_TOKEN' })
    const client = new Client(app, 'header')
    const others = JSON.stringify({ a: '', iss: 'http://localhost:3000/auth' })
    const accessTokenPayload = { a: 'x'.repeat(4096 - others.length) }
    const login = await client.login(userId, { tenantId: 't'.repeat(64), accessTokenPayload })
    t.equal(login.statusCode, 200)
    t.equal((await client.get('/me')).statusCode, 200)
    t.equal((await client.refresh()).statusCode, 200)
    t.equal((await client.get('/me')).statusCode, 200)
  })

test('jitter cuts off no more than its share of an access token’s life', async (t) => {
  const { app } = await buildApp(t, { accessTokenValidityJitter: 0.25 })
  const lives = new Set<number>()
  for (let i = 0; i < 40; i++) {
    const { session } = await app.sessions.issue({ userId: 'ada' })
    lives.add((session.expiresAt - START_MS) / 1000)
  }
  t.ok([...lives].every((life) => life >= 2699 && life <= 3600))
  t.ok(lives.size > 1)
})

for (const refreshGracePeriod of [0, 30]) {
  test(`a refresh moves a session to the kind of key that is configured now, with a grace period of ${refreshGracePeriod}`, async (t) => {
    const store = memoryStore()
    const before = await buildApp(t, { store })
    const client = new Client(before.app, 'header')
    await client.login()
    const after = await buildApp(t, {
      store,
      refreshGracePeriod,
      useDynamicAccessTokenSigningKey: false
    })
    const { accessToken, refreshToken } = client
    const moved = Object.assign(new Client(after.app, 'header'), { accessToken, refreshToken })
    t.same((await moved.get('/me')).json(), { message: 'try refresh token' })
    t.equal((await moved.refresh()).statusCode, 200)
    t.equal((await moved.get('/me')).statusCode, 200)
    const [header = ''] = String(moved.accessToken).split('.')
    t.match(JSON.parse(Buffer.from(header, 'base64url').toString()).kid, /^s-/)
  })
}
