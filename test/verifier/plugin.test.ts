import { generateKeyPairSync, hash, sign } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { test } from 'tap'
import supersession, { memoryStore, OptionsError, PrimitiveClaim } from '../../lib/index.ts'
import verifier from '../../lib/verifier/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { Device } from '../builders/device.ts'
import { forgedTokens } from '../builders/forged-tokens.ts'
import { freePort } from '../builders/free-port.ts'
import { logLines } from '../builders/log-lines.ts'
import { buildOrders, buildServices } from '../builders/services.ts'

const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` })

test('a service verifies tokens of another, which it asks for its keys once', async (t) => {
  const { issuer, orders, clock, fetches } = await buildServices(t)
  const client = new Client(issuer, 'header')
  const { handle } = (await client.login('ada', { accessTokenPayload: { plan: 'pro' } })).json()
  for (let request = 0; request < 3; request++) {
    const reply = await orders.inject({ url: '/orders', headers: bearer(client.accessToken) })
    t.same(reply.json(), { userId: 'ada', handle, tenantId: 'public', plan: 'pro' })
  }
  t.equal(fetches(), 1)
  t.same((await orders.inject('/orders')).json(), { type: 'UNAUTHORISED', reason: 'no-token' })
  clock.advance(3600)
  const late = await orders.inject({ url: '/orders', headers: bearer(client.accessToken) })
  t.same(late.json(), { type: 'TRY_REFRESH_TOKEN', reason: 'expired' })
  await client.refresh()
  const fresh = await orders.inject({ url: '/orders', headers: bearer(client.accessToken) })
  t.equal(fresh.statusCode, 200, 'a token that its issuer has not seen in use')
})

test('forged tokens are refused by both services for the same reason', async (t) => {
  const { issuer, orders } = await buildServices(t, { issuer: { signingAlgorithm: 'RS256' } })
  const client = new Client(issuer, 'header')
  await client.login()
  const good = String(client.accessToken)
  const { keys } = await issuer.sessions.jwks()
  const tokens = Object.entries({
    ...(keys[0] && forgedTokens(good, keys[0])),
    'a JWT of the issuer that is no access token': await issuer.sessions.createJWT({ sub: 'ada' }),
    'the same, by the key of access tokens': await issuer.sessions.createJWT(
      { sub: 'ada' },
      { useStaticSigningKey: false }
    )
  })
  t.ok(tokens.length >= 100, `${tokens.length}`)
  for (const [name, token] of tokens) {
    const there = await issuer.inject({ url: '/me', headers: bearer(token) })
    const here = await orders.inject({ url: '/orders', headers: bearer(token) })
    t.equal(here.statusCode, 401, name)
    t.same(here.json(), there.json(), name)
  }
  const reply = await orders.inject({ url: '/orders', headers: bearer(good) })
  t.equal(reply.statusCode, 200, 'the good one is still good')
})

test('a token of another issuer is refused, though the same keys signed it', async (t) => {
  const { issuer, orders } = await buildServices(t, { issuer: { issuer: 'https://other.example' } })
  const client = new Client(issuer, 'header')
  await client.login()
  const reply = await orders.inject({ url: '/orders', headers: bearer(client.accessToken) })
  t.same(reply.json(), { type: 'UNAUTHORISED', reason: 'issuer' })
})

test('the discovery document of the issuer says where its keys are', async (t) => {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const { app: issuer, clock } = await buildApp(t, { appInfo: { apiDomain: origin } })
  await issuer.listen({ host: '127.0.0.1', port })
  const orders = await buildOrders(t, { issuer: `${origin}/auth`, clock: clock.read })
  const client = new Client(issuer, 'header')
  await client.login()
  const reply = await orders.inject({ url: '/orders', headers: bearer(client.accessToken) })
  t.equal(reply.statusCode, 200)
})

test('a token as a SuperTokens core makes it is accepted, whatever the order of its header', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const core = Fastify()
  t.teardown(() => core.close())
  const kids = ['d-1764180000000', 's-2de612a5-a5ba-413e-9216-4c43e2e78c86']
  const { n, e } = publicKey.export({ format: 'jwk' })
  core.get('/.well-known/jwks.json', async (_request, reply) => {
    reply.header('cache-control', 'max-age=60, must-revalidate')
    return { keys: kids.map((kid) => ({ kty: 'RSA', kid, n, e, alg: 'RS256', use: 'sig' })) }
  })
  const origin = await core.listen({ host: '127.0.0.1', port: 0 })
  const orders = await buildOrders(t, {
    issuer: 'https://api.example.com/auth',
    jwksUri: `${origin}/.well-known/jwks.json`
  })
  const nowSeconds = Math.floor(Date.now() / 1000)
  const payload = {
    iat: nowSeconds,
    exp: nowSeconds + 3600,
    sub: 'fa7a0841-b533-4478-95533-0fde890c3483',
    tId: 'public',
    rsub: 'fa7a0841-b533-4478-95533-0fde890c3483',
    sessionHandle: '2f9a25e1-6c4c-4d2a-9a29-b1fca4d6a7cb',
    refreshTokenHash1: 'a'.repeat(64),
    parentRefreshTokenHash1: null,
    antiCsrfToken: null,
    iss: 'https://api.example.com/auth',
    'st-ev': { v: true, t: nowSeconds * 1000 }
  }
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const mint = (header: object) => {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
  }
  for (const kid of kids)
    for (const header of [
      { alg: 'RS256', typ: 'JWT', kid, version: '5' },
      { kid, typ: 'JWT', version: '5', alg: 'RS256' }
    ]) {
      const reply = await orders.inject({ url: '/orders', headers: bearer(mint(header)) })
      t.equal(reply.json().userId, payload.sub, JSON.stringify(header))
    }
})

test('cookies need the origin of the website, and headers do not', async (t) => {
  const { issuer, orders } = await buildServices(t, {
    orders: {
      appInfo: { apiDomain: 'https://orders.example.com', websiteDomain: 'https://example.com' },
      allowedOrigins: ['https://admin.example.com']
    }
  })
  const client = new Client(issuer, 'header')
  await client.login()
  const cookie = `sAccessToken=${client.accessToken}`
  const post = (headers: Record<string, string>) =>
    orders.inject({ method: 'POST', url: '/orders', headers })
  for (const origin of [
    'https://example.com',
    'https://orders.example.com',
    'https://admin.example.com'
  ])
    t.equal((await post({ cookie, origin })).statusCode, 200, origin)
  t.equal((await post({ cookie })).statusCode, 200, 'no browser')
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'same-site' }
  ]) {
    const reply = await post({ cookie, ...headers })
    t.equal(reply.statusCode, 403, JSON.stringify(headers))
    t.equal(reply.headers['set-cookie'], undefined)
  }
  const { authorization } = bearer(client.accessToken)
  t.equal((await post({ authorization, origin: 'https://evil.example' })).statusCode, 200)
  const read = { url: '/orders', headers: { cookie, origin: 'https://evil.example' } }
  t.equal((await orders.inject(read)).statusCode, 200, 'a GET changes nothing')
})

test('between different sites a request with cookies needs a header of its own', async (t) => {
  const { issuer, orders } = await buildServices(t, {
    orders: {
      appInfo: { apiDomain: 'https://orders.example.net', websiteDomain: 'https://example.com' }
    }
  })
  const client = new Client(issuer, 'header')
  await client.login()
  const cookie = `sAccessToken=${client.accessToken}`
  const post = (headers: object) =>
    orders.inject({ method: 'POST', url: '/orders', headers: { cookie, ...headers } })
  t.same((await post({})).json(), { type: 'TRY_REFRESH_TOKEN', reason: 'custom-header' })
  t.equal((await post({ rid: 'anti-csrf' })).statusCode, 200)
})

test('an anti-CSRF token that the access token carries has to come along', async (t) => {
  const { issuer, orders, jwksUri, clock } = await buildServices(t, {
    issuer: { antiCsrf: 'VIA_TOKEN' }
  })
  const always = { preHandler: orders.verifySession({ antiCsrfCheck: true }) }
  orders.get('/always', always, async () => 'in')
  const client = new Client(issuer, 'cookie')
  await client.login()
  const cookie = `sAccessToken=${client.accessToken}`
  const post = (headers: object, app = orders) =>
    app.inject({ method: 'POST', url: '/orders', headers: { cookie, ...headers } })
  const refused = { type: 'TRY_REFRESH_TOKEN', reason: 'anti-csrf' }
  t.same((await post({})).json(), refused)
  t.same((await post({ 'anti-csrf': 'x' })).json(), refused)
  t.equal((await post({ 'anti-csrf': client.antiCsrf })).statusCode, 200)
  t.equal((await orders.inject({ url: '/orders', headers: { cookie } })).statusCode, 200, 'a GET')
  t.same((await orders.inject({ url: '/always', headers: { cookie } })).json(), refused)

  const trusting = await buildOrders(t, { jwksUri, clock: clock.read, antiCsrf: 'NONE' })
  t.equal((await post({}, trusting)).statusCode, 200, 'where the service says that it need not')
})

test('with the store of the issuer a revoked session is refused soon, and its cookies are kept', async (t) => {
  const store = memoryStore()
  const { issuer, orders } = await buildServices(t, {
    issuer: { store },
    orders: { store, revocationInterval: 0.001 }
  })
  const [ada, bob] = [new Client(issuer, 'header'), new Client(issuer, 'header')]
  const { handle } = (await ada.login('ada')).json()
  await bob.login('bob')
  const get = (client: Client) =>
    orders.inject({ url: '/orders', headers: { cookie: `sAccessToken=${client.accessToken}` } })
  t.equal((await get(ada)).statusCode, 200)
  await issuer.sessions.revoke(handle)
  let reply = await get(ada)
  while (reply.statusCode === 200) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    reply = await get(ada)
  }
  t.same(reply.json(), { type: 'UNAUTHORISED', reason: 'revoked' })
  t.equal(reply.headers['set-cookie'], undefined, 'they are for the issuer to clear')
  t.equal((await get(bob)).statusCode, 200)
})

test('with the store of the issuer a leaked key is refused soon, and the next one is accepted', async (t) => {
  const store = memoryStore()
  const { issuer, orders } = await buildServices(t, {
    issuer: { store },
    orders: { store, revocationInterval: 0.001 }
  })
  const client = new Client(issuer, 'header')
  await client.login()
  const get = () =>
    orders.inject({ url: '/orders', headers: { cookie: `sAccessToken=${client.accessToken}` } })
  t.equal((await get()).statusCode, 200)
  // Another one that the verifier has not seen.
  await issuer.sessions.createJWT({}, { useStaticSigningKey: true })
  await issuer.sessions.rotateKeys({ revoke: true })
  let reply = await get()
  while (reply.statusCode === 200) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    reply = await get()
  }
  t.same(reply.json(), { type: 'TRY_REFRESH_TOKEN', reason: 'unknown-key' })
  t.equal((await client.refresh()).statusCode, 200)
  t.equal((await get()).statusCode, 200)
})

test('with the store of the issuer a socket closes with its session', async (t) => {
  const store = memoryStore()
  const { app: issuer, clock } = await buildApp(t, { store })
  await issuer.listen({ host: '127.0.0.1', port: 0 })
  const { port } = issuer.server.address() as AddressInfo
  const jwksUri = `http://127.0.0.1:${port}/auth/jwt/jwks.json`
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(verifier, {
    issuer: 'http://localhost:3000/auth',
    jwksUri,
    clock: clock.read,
    store,
    revocationInterval: 0.001
  })
  await app.register(websocket)
  const preValidation = app.verifySession()
  app.get('/feed', { websocket: true, preValidation }, (socket, { session }) => {
    session.attachSocket(socket, { everySeconds: 0.001 })
  })
  await app.ready()
  const open = async (userId: string) => {
    const { session, accessToken } = await issuer.sessions.issue({ userId })
    const socket = await app.injectWS('/feed', { headers: bearer(accessToken) })
    return { handle: session.handle, closed: once(socket, 'close') }
  }
  const [revoked, expired] = [await open('ada'), await open('bob')]
  await issuer.sessions.revoke(revoked.handle)
  t.equal((await revoked.closed)[0], 4401)
  clock.advance(100 * 86_400)
  t.equal((await expired.closed)[0], 4401)
})

test('tokens are taken from where the service says', async (t) => {
  const { issuer, orders } = await buildServices(t, {
    orders: { getTokenTransferMethod: () => 'header' }
  })
  const client = new Client(issuer, 'header')
  await client.login()
  const cookie = `sAccessToken=${client.accessToken}`
  const reply = await orders.inject({ url: '/orders', headers: { cookie } })
  t.same(reply.json(), { type: 'UNAUTHORISED', reason: 'no-token' })
})

test('claim validators hold as they do at the issuer, and what they fetch is not kept', async (t) => {
  const role = new PrimitiveClaim<string>({ key: 'role', fetchValue: () => fetched })
  let fetched: string | undefined
  const { issuer, orders } = await buildServices(t, {
    orders: { globalClaimValidators: [role.validators.hasValue('admin')] }
  })
  orders.get(
    '/open',
    { preHandler: orders.verifySession({ overrideGlobalClaimValidators: () => [] }) },
    async ({ session }) => ({ role: session.getClaim(role) ?? null })
  )
  const client = new Client(issuer, 'header')
  await client.login()
  const get = (url: string) => orders.inject({ url, headers: bearer(client.accessToken) })
  t.same((await get('/orders')).json(), { type: 'INVALID_CLAIMS', reason: 'claims' })
  fetched = 'admin'
  t.equal((await get('/orders')).statusCode, 200)
  t.same((await get('/open')).json(), { role: null })
})

test('a session that is bound by DPoP is verified with its proof, and no other way', async (t) => {
  const { issuer, orders, clock } = await buildServices(t, {
    issuer: { deviceBinding: 'dpop' },
    orders: { appInfo: { apiDomain: 'https://orders.example.com' } }
  })
  const device = new Device()
  const prove = (by: Device, htm: string, htu: string, named?: string) =>
    by.dpop({ htm, htu, iat: clock.nowMs / 1000 }, named)
  const login = await issuer.inject({
    method: 'POST',
    url: '/login',
    headers: {
      'st-auth-mode': 'header',
      dpop: prove(device, 'POST', 'http://localhost:3000/login')
    },
    payload: { userId: 'ada' }
  })
  const token = String(login.headers['st-access-token'])
  const get = (headers: Record<string, string>) => orders.inject({ url: '/orders?page=2', headers })
  const scheme = { authorization: `DPoP ${token}` }
  const url = 'https://orders.example.com/orders'
  t.equal((await get({ ...scheme, dpop: prove(device, 'GET', url, token) })).statusCode, 200)

  const refused = { type: 'UNAUTHORISED', reason: 'proof' }
  const forIssuer = prove(device, 'GET', 'http://localhost:3000/orders', token)
  t.same((await get({ ...scheme, dpop: forIssuer })).json(), refused, 'made for the issuer')
  const thief = new Device()
  t.same((await get({ ...scheme, dpop: prove(thief, 'GET', url, token) })).json(), refused)
  t.same((await get(scheme)).json(), refused, 'without a proof')
  t.same((await get(bearer(token))).json(), refused, 'as a bearer token')
  const cookie = await get({ cookie: `sAccessToken=${token}` })
  t.equal(cookie.statusCode, 403, 'in a cookie, whose binding only the issuer can check')
  t.same(cookie.json(), { type: 'INVALID_CLAIMS', reason: 'device' })
})

test('with the store of the issuer a proof that another service has seen is refused', async (t) => {
  const used = new Set<string>()
  const useOnce = async (id: string) => used.size < used.add(id).size
  const store = Object.assign(memoryStore(), { useOnce })
  const { issuer, orders, clock } = await buildServices(t, {
    issuer: { store, deviceBinding: 'dpop' },
    orders: { store }
  })
  const device = new Device()
  // Two services behind one gateway: the same URL.
  const prove = (path: string, named?: string) =>
    device.dpop(
      { htm: 'POST', htu: `http://localhost:3000${path}`, iat: clock.nowMs / 1000 },
      named
    )
  const headers = { 'st-auth-mode': 'header', dpop: prove('/login') }
  const payload = { userId: 'ada' }
  const login = await issuer.inject({ method: 'POST', url: '/login', headers, payload })
  const token = String(login.headers['st-access-token'])
  t.equal(used.size, 1)
  const order = (dpop: string) =>
    orders.inject({
      method: 'POST',
      url: '/orders',
      headers: { authorization: `DPoP ${token}`, dpop }
    })
  t.equal((await order(prove('/orders', token))).statusCode, 200)
  t.equal(used.size, 2)
  const proof = prove('/orders', token)
  const [, claims] = proof.split('.')
  const { jti } = JSON.parse(Buffer.from(String(claims), 'base64url').toString())
  const { kty, crv, x, y } = device.jwk
  const jkt = hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
  used.add(hash('sha256', `${jkt} ${jti}`, 'base64url'))
  t.equal((await order(proof)).statusCode, 401, 'seen elsewhere')
})

test('sessions have to be bound where a route says so', async (t) => {
  const { issuer, orders } = await buildServices(t)
  orders.get('/bound', { preHandler: orders.verifySession({ deviceBound: true }) }, async () => '')
  const client = new Client(issuer, 'header')
  await client.login()
  const reply = await orders.inject({ url: '/bound', headers: bearer(client.accessToken) })
  t.same(reply.json(), { type: 'INVALID_CLAIMS', reason: 'unbound' })
})

test('a request can be verified by hand', async (t) => {
  const { issuer, orders } = await buildServices(t)
  orders.get('/by-hand', async (request) => {
    const session = await request.verifySession({ sessionRequired: false })
    return { userId: session?.userId ?? null, isSame: session === request.session }
  })
  const client = new Client(issuer, 'header')
  await client.login()
  const reply = await orders.inject({ url: '/by-hand', headers: bearer(client.accessToken) })
  t.same(reply.json(), { userId: 'ada', isSame: true })
  t.same((await orders.inject('/by-hand')).json(), { userId: null, isSame: true })
})

test('an option that needs the store is refused by name', async (t) => {
  const orders = await buildOrders(t, { jwksUri: 'http://127.0.0.1:1/' })
  t.throws(() => orders.verifySession({ checkDatabase: true }), {
    code: 'SUPERSESSION_INVALID_OPTION',
    option: 'verifySession.checkDatabase'
  })
  t.throws(() => orders.verifySession({ checkDatabse: true } as object), OptionsError)
  t.type(orders.verifySession({ checkDatabase: false }), 'function')
})

test('a name that is taken is refused at registration', async (t) => {
  const options = { issuer: 'https://a.example', jwksUri: 'http://127.0.0.1:1/' }
  const registerAfter = async (before: (app: FastifyInstance) => unknown, more: object = {}) => {
    const app = Fastify() as FastifyInstance
    t.teardown(() => app.close())
    await before(app)
    await app.register(verifier, { ...options, ...more })
    return app
  }
  await t.rejects(
    registerAfter((app) => app.register(verifier, options)),
    /registered already/
  )
  await t.rejects(
    registerAfter((app) => app.register(supersession, { signingAlgorithm: 'ES256' })),
    /registered already/
  )
  const taken = (app: FastifyInstance) => app.decorateRequest('session' as 'id')
  await t.rejects(registerAfter(taken), /another plugin has taken request.session/)
  const app = await registerAfter(taken, { requestProperty: 'caller' })
  t.ok(app.hasRequestDecorator('caller'))
})

test('two issuers are accepted in scopes of their own', async (t) => {
  const [one, other] = [await buildServices(t), await buildServices(t)]
  const app = Fastify()
  t.teardown(() => app.close())
  for (const [prefix, { jwksUri, clock }] of Object.entries({ '/one': one, '/other': other }))
    await app.register(
      async (scope) => {
        const issuer = 'http://localhost:3000/auth'
        await scope.register(verifier, { issuer, jwksUri, clock: clock.read })
        scope.get('/', { preHandler: scope.verifySession() }, async () => 'in')
      },
      { prefix }
    )
  const client = new Client(other.issuer, 'header')
  await client.login()
  const get = async (url: string) =>
    (await app.inject({ url, headers: bearer(client.accessToken) })).statusCode
  t.equal(await get('/other'), 200)
  t.equal(await get('/one'), 401)
})

test('keys that come over http from another machine are warned of', async (t) => {
  const warnings = async (jwksUri: string) => {
    const { lines, logger } = logLines()
    const app = Fastify({ logger })
    t.teardown(() => app.close())
    await app.register(verifier, { issuer: 'https://a.example', jwksUri })
    return lines.filter((line) => line.includes('over http')).length
  }
  t.equal(await warnings('http://core.internal:3567/.well-known/jwks.json'), 1)
  t.equal(await warnings('http://127.0.0.1:3567/.well-known/jwks.json'), 0)
  t.equal(await warnings('https://api.example.com/jwks.json'), 0)
})
