import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { type Test, test } from 'tap'
import supersession, {
  PrimitiveArrayClaim,
  type Session,
  type Sessions,
  type SupersessionOptions,
  UnauthorisedError
} from '../../lib/index.ts'
import { addRoutes, buildApp, FAST_KEYS } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'

/** SuperTokens' functions of a session recipe, and ours. */
const RECIPE: Readonly<Record<string, keyof Sessions>> = {
  createNewSession: 'create',
  createNewSessionWithoutRequestResponse: 'issue',
  getSession: 'get',
  getSessionWithoutRequestResponse: 'verify',
  refreshSession: 'refresh',
  refreshSessionWithoutRequestResponse: 'rotate',
  getSessionInformation: 'info',
  revokeSession: 'revoke',
  revokeMultipleSessions: 'revokeMany',
  revokeAllSessionsForUser: 'revokeAll',
  getAllSessionHandlesForUser: 'list',
  updateSessionDataInDatabase: 'updateData',
  mergeIntoAccessTokenPayload: 'mergePayload',
  fetchAndSetClaim: 'fetchClaim',
  setClaimValue: 'setClaim',
  getClaimValue: 'getClaim',
  removeClaim: 'removeClaim',
  validateClaimsForSessionHandle: 'validateClaims',
  createJWT: 'createJWT',
  getJWKS: 'jwks',
  getOpenIdDiscoveryConfiguration: 'discovery'
}
const BEYOND_THE_RECIPE: readonly (keyof Sessions)[] = ['devices', 'rotateKeys']

/** SuperTokens' methods of a SessionContainer, and what `request.session` has instead. */
const CONTAINER: Readonly<Record<string, keyof Session>> = {
  revokeSession: 'revoke',
  getSessionDataFromDatabase: 'getData',
  updateSessionDataInDatabase: 'updateData',
  mergeIntoAccessTokenPayload: 'mergePayload',
  assertClaims: 'assertClaims',
  fetchAndSetClaim: 'fetchClaim',
  setClaimValue: 'setClaim',
  getClaimValue: 'getClaim',
  removeClaim: 'removeClaim',
  getUserId: 'userId',
  getRecipeUserId: 'recipeUserId',
  getTenantId: 'tenantId',
  getHandle: 'handle',
  getAccessToken: 'accessToken',
  getAccessTokenPayload: 'payload'
}

const PROTECTED = [
  'sub',
  'iat',
  'exp',
  'sessionHandle',
  'parentRefreshTokenHash1',
  'refreshTokenHash1',
  'antiCsrfToken',
  'rsub',
  'tId',
  'stt'
]

const roles = new PrimitiveArrayClaim<string>({ key: 'st-role', fetchValue: () => ['admin'] })
const GONE = { status: 'SESSION_DOES_NOT_EXIST_ERROR' }

async function withSession(t: Test, options: SupersessionOptions = {}) {
  const built = await buildApp(t, options)
  const { session } = await built.app.sessions.issue({ userId: 'ada' })
  return { ...built, sessions: built.app.sessions, session, handle: session.handle }
}

test('every function of the recipe is on app.sessions, under its name here', async (t) => {
  const { sessions } = await withSession(t)
  t.same(Object.keys(sessions).sort(), [...Object.values(RECIPE), ...BEYOND_THE_RECIPE].sort())
  for (const [theirs, ours] of Object.entries(RECIPE)) t.type(sessions[ours], 'function', theirs)
})

test('every method of the container is on request.session, what reads a value as a property', async (t) => {
  const { app } = await withSession(t)
  app.get('/kinds', { preHandler: app.verifySession() }, async ({ session }) =>
    Object.fromEntries(Object.values(CONTAINER).map((name) => [name, typeof session[name]]))
  )
  const client = new Client(app, 'header')
  await client.login()
  const kinds = (await client.get('/kinds')).json()
  for (const [theirs, ours] of Object.entries(CONTAINER)) {
    const isValue = /^get(?!ClaimValue|SessionData)/.test(theirs)
    t.match(kinds[ours], isValue ? /^(string|number|object)$/ : 'function', theirs)
  }
})

test('when a session began and ends is asked of the store; the session says it of its token', async (t) => {
  const { sessions, session, handle, clock } = await withSession(t)
  const [createdAt, expiresAt] = [clock.nowMs, clock.nowMs + 100 * 86_400_000]
  clock.advance(60)
  await session.mergePayload({ plan: 'pro' })
  t.match(await sessions.info(handle), { createdAt, expiresAt })
  t.equal(session.createdAt, clock.nowMs)
  t.equal(session.expiresAt, createdAt + 3_600_000)
})

/** What a function answers for a session that lives, and for one that does not. */
const byHandle: [
  name: string,
  call: (sessions: Sessions, handle: string) => unknown,
  alive: unknown,
  gone: unknown
][] = [
  ['updateData', (sessions, handle) => sessions.updateData(handle, { a: 1 }), true, false],
  ['mergePayload', (sessions, handle) => sessions.mergePayload(handle, { a: 1 }), true, false],
  ['setClaim', (sessions, handle) => sessions.setClaim(handle, roles, ['admin']), true, false],
  ['fetchClaim', (sessions, handle) => sessions.fetchClaim(handle, roles), true, false],
  [
    'getClaim',
    (sessions, handle) => sessions.getClaim(handle, roles),
    { status: 'OK', value: ['admin'] },
    GONE
  ],
  [
    'validateClaims',
    (sessions, handle) => sessions.validateClaims(handle, () => [roles.validators.excludes('x')]),
    { status: 'OK', invalidClaims: [] },
    GONE
  ],
  ['removeClaim', (sessions, handle) => sessions.removeClaim(handle, roles), true, false],
  [
    'info',
    async (sessions, handle) => (await sessions.info(handle))?.handle === handle || null,
    true,
    null
  ]
]

test('by handle, a live session is found by every function', async (t) => {
  const { sessions, handle } = await withSession(t)
  for (const [name, call, alive] of byHandle) t.same(await call(sessions, handle), alive, name)
  t.same(await sessions.list('ada'), [handle])
})

for (const [state, end] of [
  ['was never there', async () => 'no-handle'],
  [
    'was revoked',
    async ({ sessions, handle }) => {
      await sessions.revoke(handle)
      return handle
    }
  ],
  [
    'is over',
    async ({ clock, handle }) => {
      clock.advance(100 * 86_400)
      return handle
    }
  ]
] as [string, (built: Awaited<ReturnType<typeof withSession>>) => Promise<string>][]) {
  test(`by handle, a session that ${state} is missing for every function, and none throws`, async (t) => {
    const built = await withSession(t)
    const handle = await end(built)
    for (const [name, call, , gone] of byHandle)
      t.same(await call(built.sessions, handle), gone, name)
    if (state !== 'was never there') t.same(await built.sessions.list('ada'), [])
  })
}

test('revoking answers what was deleted, and nothing twice', async (t) => {
  const { sessions, handle } = await withSession(t)
  const other = (await sessions.issue({ userId: 'ada' })).session.handle
  const bob = (await sessions.issue({ userId: 'bob' })).session.handle
  t.equal(await sessions.revoke(handle), true)
  t.equal(await sessions.revoke(handle), false)
  t.same(await sessions.revokeMany([handle, other, 'nobody']), [other])
  t.same(await sessions.revokeMany([handle, other]), [])
  t.same(await sessions.revokeMany([]), [])
  t.same(await sessions.revokeAll('ada'), [])
  t.same(await sessions.revokeAll('bob'), [bob])
})

test('session data that is null or undefined is stored as {}, and what is no object is refused', async (t) => {
  const { sessions, session, handle } = await withSession(t)
  for (const nothing of [null, undefined]) {
    await session.updateData({ a: 1 })
    t.equal(await sessions.updateData(handle, nothing as never), true)
    t.same(await session.getData(), {})
  }
  for (const wrong of ['text', 5, []])
    await t.rejects(
      sessions.updateData(handle, wrong as never),
      new TypeError('sessionData must be an object')
    )
})

test('a name of the protocol is dropped from a new payload, and iss is the issuer’s', async (t) => {
  const { sessions } = await withSession(t)
  const mine = Object.fromEntries([...PROTECTED, 'iss'].map((name) => [name, 'mine']))
  const accessTokenPayload = { ...mine, own: true }
  const issued = await sessions.issue({ userId: 'ada', accessTokenPayload })
  const payload = payloadOf(issued.accessToken)
  t.notOk(Object.values(payload).includes('mine'))
  t.equal('stt' in payload, false)
  t.match(payload, { own: true, iss: 'http://localhost:3000/auth' })
  t.same((await sessions.info(issued.session.handle))?.accessTokenPayload, {
    own: true,
    iss: 'http://localhost:3000/auth'
  })
})

for (const name of PROTECTED) {
  test(`merging ${name} is refused, by handle and on the session; null for it is harmless`, async (t) => {
    const { sessions, session, handle } = await withSession(t)
    const before = { ...session.payload }
    await t.rejects(sessions.mergePayload(handle, { [name]: 'x' }), TypeError)
    await t.rejects(session.mergePayload({ [name]: 0 }), TypeError)
    t.equal(await sessions.mergePayload(handle, { [name]: null }), true)
    await session.mergePayload({ [name]: null })
    t.same(session.payload, before)
  })
}

test('iss is no name of the protocol: a merge replaces and removes it', async (t) => {
  const { session } = await withSession(t)
  await session.mergePayload({ iss: 'me' })
  t.equal(session.payload['iss'], 'me')
  await session.mergePayload({ iss: null })
  t.equal('iss' in session.payload, false)
})

test('a merge on the session keeps what was merged by handle since its token was made', async (t) => {
  const { sessions, session, handle } = await withSession(t)
  await sessions.mergePayload(handle, { plan: 'pro' })
  await session.mergePayload({ theme: 'dark', nested: { gone: null }, missing: undefined })
  t.match(session.payload, { plan: 'pro', theme: 'dark', nested: { gone: null } })
  t.equal('missing' in session.payload, false)
})

/** What asks the store through `request.session`. */
const onSession: [name: string, call: (session: Session) => Promise<unknown>][] = [
  ['getData', (session) => session.getData()],
  ['updateData', (session) => session.updateData({})],
  ['mergePayload', (session) => session.mergePayload({ a: 1 })],
  ['setClaim', (session) => session.setClaim(roles, ['admin'])],
  ['fetchClaim', (session) => session.fetchClaim(roles)],
  ['removeClaim', (session) => session.removeClaim(roles)],
  ['assertClaims', (session) => session.assertClaims([roles.validators.includes('admin')])]
]

for (const [name, call] of onSession) {
  test(`${name} of a session answers nothing to speak of while it lives, and throws when it is gone`, async (t) => {
    const { sessions, session, handle } = await withSession(t)
    t.same(await call(session), name === 'getData' ? {} : undefined)
    // A claim that the token has is not asked of the store.
    if (name === 'assertClaims') await session.removeClaim(roles)
    await sessions.revoke(handle)
    const error = await call(session).catch((thrown: unknown) => thrown)
    t.ok(error instanceof UnauthorisedError)
    t.match(error, { payload: { clearTokens: true } })
  })
}

test('revoking a session that is gone is no error, and its values can still be read', async (t) => {
  const { sessions, session, handle } = await withSession(t)
  await session.setClaim(roles, ['admin'])
  await sessions.revoke(handle)
  t.equal(await session.revoke(), undefined)
  t.same(session.getClaim(roles), ['admin'])
  t.equal(session.userId, 'ada')
})

test('a session that is gone while its route runs is 401, and the client loses its tokens', async (t) => {
  const { app } = await withSession(t)
  app.post('/late', { preHandler: app.verifySession() }, async ({ session }) => {
    await app.sessions.revoke(session.handle)
    await session.mergePayload({ plan: 'pro' })
    return 'never'
  })
  for (const method of ['cookie', 'header'] as const) {
    const client = new Client(app, method)
    await client.login()
    const reply = await client.post('/late')
    t.equal(reply.statusCode, 401)
    t.equal(reply.headers['front-token'], 'remove')
  }
})

test('a protected name in a merge is 500 for the client, which learns no more', async (t) => {
  const { app } = await withSession(t)
  app.post('/wrong', { preHandler: app.verifySession() }, async ({ session }) =>
    session.mergePayload({ sub: 'eve' })
  )
  const client = new Client(app, 'cookie')
  await client.login()
  const reply = await client.post('/wrong')
  t.equal(reply.statusCode, 500)
  t.same(reply.json(), { detail: 'Internal Server Error' })
  t.same(reply.cookies, [])
})

test('another session that has ended takes nothing from the client', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const scopes: FastifyInstance[] = []
  for (const prefix of ['shop', 'admin'])
    await app.register(
      async (scope) => {
        await scope.register(supersession, { ...FAST_KEYS, cookiePrefix: `${prefix}-` })
        addRoutes(scope)
        scopes.push(scope)
      },
      { prefix }
    )
  const [shop, admin] = scopes as [FastifyInstance, FastifyInstance]
  const { accessToken, refreshToken, session } = await shop.sessions.issue({ userId: 'bob' })
  await shop.sessions.revoke(session.handle)
  const ofAdmin = await admin.sessions.issue({ userId: 'bob' })
  await admin.sessions.revoke(ofAdmin.session.handle)
  const checks: Readonly<Record<string, (request: FastifyRequest) => unknown>> = {
    verified: () => shop.sessions.verify(accessToken),
    rotated: () => shop.sessions.rotate(String(refreshToken)),
    'other-registration': (request) => admin.sessions.get(request, null)
  }
  for (const [name, check] of Object.entries(checks)) {
    const url = `/${name}`
    shop.get(url, { preHandler: shop.verifySession() }, async (request) => check(request))
  }
  const login = await app.inject({
    method: 'POST',
    url: '/shop/login',
    payload: { userId: 'ada' },
    headers: { 'st-auth-mode': 'cookie' }
  })
  const cookies = Object.fromEntries(login.cookies.map(({ name, value }) => [name, value]))
  cookies['admin-sAccessToken'] = ofAdmin.accessToken
  for (const name of Object.keys(checks)) {
    const reply = await app.inject({ url: `/shop/${name}`, cookies })
    t.equal(reply.statusCode, 401, name)
    t.same(reply.cookies, [], name)
    t.equal(reply.headers['front-token'], undefined, name)
  }
  t.equal((await app.inject({ url: '/shop/me', cookies })).statusCode, 200)
  t.same(
    (await app.inject({ url: '/admin/me', cookies })).cookies.map(({ name }) => name),
    ['admin-sAccessToken', 'admin-sRefreshToken']
  )
})
