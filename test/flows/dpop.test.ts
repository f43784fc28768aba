import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { memoryStore, type SupersessionOptions } from '../../lib/index.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { buildApp } from '../builders/app.ts'
import { payloadOf, type Response } from '../builders/client.ts'
import { Device } from '../builders/device.ts'
import { type DurableStore, durableStores, openBackend } from '../builders/durable-stores.ts'

const ORIGIN = 'https://api.example.com'
const options: SupersessionOptions = {
  appInfo: { apiDomain: ORIGIN, apiGatewayPath: '/gateway' },
  deviceBinding: 'dpop'
}

/** A client that proves its key with each request (RFC 9449). */
class DpopClient {
  readonly device = new Device()
  readonly #app: FastifyInstance
  readonly #clock: TestClock
  accessToken = ''
  refreshToken = ''
  nonce: string | undefined

  constructor({ app, clock }: { app: FastifyInstance; clock: TestClock }) {
    this.#app = app
    this.#clock = clock
  }

  proof(method: string, url: string, token?: string, claims: object = {}): string {
    const htu = `${ORIGIN}/gateway${url.replace(/\?.*$/, '')}`
    const iat = this.#clock.nowMs / 1000
    return this.device.dpop({ htm: method, htu, iat, nonce: this.nonce, ...claims }, token)
  }

  async send(
    method: 'GET' | 'POST',
    url: string,
    headers: Record<string, string | undefined>,
    body?: object
  ): Promise<Response> {
    const reply = await this.#app.inject({ method, url, headers, ...(body && { payload: body }) })
    this.accessToken = String(reply.headers['st-access-token'] ?? this.accessToken)
    this.refreshToken = String(reply.headers['st-refresh-token'] ?? this.refreshToken)
    return reply
  }

  async login(proof: string | undefined = this.proof('POST', '/login')): Promise<Response> {
    const headers = { 'st-auth-mode': 'header', ...(proof && { dpop: proof }) }
    return this.send('POST', '/login', headers, { userId: 'ada' })
  }

  async me(
    dpop: string | undefined = this.proof('GET', '/me', this.accessToken),
    scheme = 'DPoP'
  ): Promise<Response> {
    const authorization = `${scheme} ${this.accessToken}`
    return this.send('GET', '/me', { authorization, ...(dpop && { dpop }) })
  }

  async refresh(
    dpop: string | undefined = this.proof('POST', '/auth/session/refresh'),
    scheme = 'DPoP'
  ): Promise<Response> {
    const authorization = `${scheme} ${this.refreshToken}`
    const headers = { authorization, ...(dpop && { dpop }) }
    return this.send('POST', '/auth/session/refresh', headers)
  }
}

/** The error that a reply names in the scheme DPoP, and why. */
function challengeOf({ headers }: Response): string {
  const { 'www-authenticate': challenge } = headers
  const [, error, reason = ''] =
    /^DPoP error="(\w+)"(?:, error_description="([\w-]+)")?, algs="ES256 RS256"$/.exec(
      String(challenge)
    ) ?? []
  return `${error} ${reason}`.trim()
}

test('a login with a proof binds the session to its key', async (t) => {
  const built = await buildApp(t, options)
  const client = new DpopClient(built)
  const login = await client.login()
  t.equal(login.statusCode, 200)
  t.match(payloadOf(client.accessToken)['cnf'], { jkt: /^[\w-]{43}$/ })
  t.same((await client.me()).json().userId, 'ada')
  t.same((await client.send('GET', '/me', {})).headers['www-authenticate'], 'Bearer')
  const [device] = await built.app.sessions.devices('ada')
  t.equal(device?.deviceBinding, 'dpop')
  t.equal((await client.refresh()).statusCode, 200)
  t.match(payloadOf(client.accessToken)['cnf'], { jkt: /./ })
  t.equal((await client.me()).statusCode, 200)
  t.equal((await client.refresh(undefined, 'Bearer')).statusCode, 200, 'either scheme refreshes')
})

test('a login without a proof makes a session that is not bound', async (t) => {
  const built = await buildApp(t, options)
  built.app.get(
    '/bound',
    { preHandler: built.app.verifySession({ deviceBound: true }) },
    async () => 'in'
  )
  const client = new DpopClient(built)
  await client.login('')
  t.equal(payloadOf(client.accessToken)['cnf'], undefined)
  t.equal((await client.me('', 'Bearer')).statusCode, 200)
  t.equal(challengeOf(await client.me()), 'invalid_dpop_proof other-key')
  const authorization = `Bearer ${client.accessToken}`
  t.equal((await client.send('GET', '/bound', { authorization })).statusCode, 403)
  t.equal((await client.refresh('', 'Bearer')).statusCode, 200)
})

test('cookies are not bound by DPoP', async (t) => {
  const built = await buildApp(t, options)
  const client = new DpopClient(built)
  const dpop = client.proof('POST', '/login')
  await client.send('POST', '/login', { 'st-auth-mode': 'cookie', dpop }, { userId: 'ada' })
  t.equal((await built.app.sessions.devices('ada'))[0]?.deviceBinding, undefined)
})

test('a bound access token is refused without a good proof, and the client keeps its tokens', async (t) => {
  const client = new DpopClient(await buildApp(t, options))
  await client.login()
  const { accessToken } = client
  const other = new Device()
  const claims = { htm: 'GET', htu: `${ORIGIN}/gateway/me`, iat: 1_767_225_600 }
  const cases: Record<string, string> = {
    malformed: 'proof',
    'other-key': other.dpop(claims, accessToken),
    method: client.proof('POST', '/me', accessToken),
    url: client.proof('GET', '/you', accessToken),
    time: client.proof('GET', '/me', accessToken, { iat: claims.iat - 61 }),
    token: client.proof('GET', '/me', 'another'),
    id: client.proof('GET', '/me', accessToken, { jti: '' })
  }
  for (const [reason, proof] of Object.entries(cases)) {
    const reply = await client.me(proof)
    t.equal(reply.statusCode, 401, reason)
    t.equal(challengeOf(reply), `invalid_dpop_proof ${reason}`)
    t.equal(reply.headers['front-token'], undefined)
    t.equal(reply.headers['cache-control'], 'no-store')
  }
  const without = await client.send('GET', '/me', { authorization: `DPoP ${accessToken}` })
  t.equal(challengeOf(without), 'invalid_dpop_proof malformed')
  const bearer = await client.me(client.proof('GET', '/me', accessToken), 'Bearer')
  t.equal(challengeOf(bearer), 'invalid_dpop_proof malformed', 'it is no bearer token')
  const good = client.proof('GET', '/me', accessToken)
  t.equal((await client.me(good)).statusCode, 200)
  t.equal(challengeOf(await client.me(good)), 'invalid_dpop_proof replayed')
})

test('a bound refresh token is refused without a good proof, and raises no alarm', async (t) => {
  const built = await buildApp(t, options)
  const client = new DpopClient(built)
  await client.login()
  const thief = new DpopClient(built)
  thief.refreshToken = client.refreshToken
  const without = await thief.refresh('')
  t.equal(without.statusCode, 401)
  t.equal(challengeOf(without), 'invalid_dpop_proof malformed')
  t.equal(challengeOf(await thief.refresh()), 'invalid_dpop_proof other-key')
  t.equal((await client.refresh()).statusCode, 200)
  t.equal((await client.me()).statusCode, 200)
  await t.rejects(built.app.sessions.rotate(client.refreshToken), { name: 'UnauthorisedError' })
  await t.rejects(built.app.sessions.verify(client.accessToken), { name: 'TryRefreshTokenError' })
})

test('a refresh of a session that has ended is told so, with a proof and without one', async (t) => {
  const built = await buildApp(t, options)
  for (const scheme of ['DPoP', 'Bearer']) {
    const client = new DpopClient(built)
    await client.login()
    await built.app.sessions.revokeAll('ada')
    const reply = await client.refresh(scheme === 'Bearer' ? '' : undefined, scheme)
    t.equal(reply.statusCode, 401)
    t.same(reply.json(), { message: 'unauthorised' })
  }
})

test('a bad proof refuses the login', async (t) => {
  const built = await buildApp(t, options)
  const client = new DpopClient(built)
  const reply = await client.login(client.proof('POST', '/elsewhere'))
  t.equal(reply.statusCode, 401)
  t.equal(challengeOf(reply), 'invalid_dpop_proof url')
  t.same(await built.app.sessions.list('ada'), [])
})

test('an expired token is named as RFC 9449 section 7.1 has it', async (t) => {
  const built = await buildApp(t, options)
  const client = new DpopClient(built)
  await client.login()
  built.clock.advance(3600)
  const reply = await client.me()
  t.same(reply.json(), { message: 'try refresh token' })
  t.equal(challengeOf(reply), 'invalid_token')
})

test('a request that several hooks verify needs one proof', async (t) => {
  const built = await buildApp(t, options)
  const hook = built.app.verifySession()
  built.app.get('/twice', { onRequest: hook, preHandler: hook }, async () => 'in')
  const client = new DpopClient(built)
  await client.login()
  const dpop = client.proof('GET', '/twice?a=b', client.accessToken)
  const authorization = `DPoP ${client.accessToken}`
  t.equal((await client.send('GET', '/twice?a=b', { authorization, dpop })).statusCode, 200)
})

test('a proof carries the nonce of the server where the app asks for it', async (t) => {
  const deviceBinding = { methods: ['dpop'], dpopNonces: true } as const
  const built = await buildApp(t, { ...options, deviceBinding })
  const client = new DpopClient(built)
  const first = await client.login()
  t.equal(first.statusCode, 401)
  t.equal(challengeOf(first), 'use_dpop_nonce nonce')
  client.nonce = String(first.headers['dpop-nonce'])
  t.equal((await client.login()).statusCode, 200)
  t.equal((await client.me()).statusCode, 200)
  built.clock.advance(300)
  const late = await client.me()
  t.equal(challengeOf(late), 'use_dpop_nonce nonce')
  client.nonce = String(late.headers['dpop-nonce'])
  t.equal((await client.me()).statusCode, 200)
})

test('a session bound by DPoP does not come in cookies', async (t) => {
  const built = await buildApp(t, { ...options, deviceBinding: ['dbsc', 'dpop'] })
  const client = new DpopClient(built)
  await client.login()
  const cookie = `sAccessToken=${client.accessToken}; sRefreshToken=${client.refreshToken}`
  t.equal((await client.send('GET', '/me', { cookie })).statusCode, 401)
  const reply = await client.send('POST', '/auth/session/refresh', { cookie, rid: 'session' })
  t.equal(reply.statusCode, 401)
  const alone = new DpopClient(await buildApp(t, options))
  await alone.login()
  const inCookie = { cookie: `sAccessToken=${alone.accessToken}` }
  t.equal((await alone.send('GET', '/me', inCookie)).statusCode, 401, 'where there is no DBSC')
})

/** Two apps that share a store. */
async function twoProcesses(t: Test, durable: DurableStore) {
  const openStore = await openBackend(t, durable)
  const clock = new TestClock(Date.now())
  const build = () => buildApp(t, { ...options, store: openStore(), clock: clock.read })
  return { one: await build(), two: await build(), clock }
}

for (const durable of durableStores)
  test(`on ${durable.name} a session stays bound, in all processes`, {
    skip: durable.skip
  }, async (t) => {
    const { one, two, clock } = await twoProcesses(t, durable)
    const owner = new DpopClient({ app: one.app, clock })
    t.equal((await owner.login()).statusCode, 200)
    t.match(await two.app.sessions.devices('ada'), [{ deviceBinding: 'dpop' }])
    const { device, accessToken, refreshToken } = owner
    const there = Object.assign(new DpopClient({ app: two.app, clock }), {
      device,
      accessToken,
      refreshToken
    })
    t.equal((await there.me()).statusCode, 200)
    t.equal((await there.refresh()).statusCode, 200)
    t.equal((await there.me()).statusCode, 200)
    const thief = Object.assign(new DpopClient({ app: one.app, clock }), {
      accessToken,
      refreshToken
    })
    t.equal((await thief.refresh()).statusCode, 401, 'without the key')
    t.equal((await there.refresh()).statusCode, 200, 'the owner is undisturbed')
  })

for (const durable of durableStores)
  test(`on ${durable.name} a proof for a request that does something is good in one process`, {
    skip: durable.skip
  }, async (t) => {
    const { one, two, clock } = await twoProcesses(t, durable)
    const client = new DpopClient({ app: one.app, clock })
    await client.login()
    const { accessToken } = client
    const send = (app: FastifyInstance, method: 'GET' | 'POST', dpop: string) =>
      app.inject({ method, url: '/me', headers: { authorization: `DPoP ${accessToken}`, dpop } })

    const post = client.proof('POST', '/me', accessToken)
    t.equal((await send(one.app, 'POST', post)).statusCode, 200)
    const replayed = await send(two.app, 'POST', post)
    t.equal(replayed.statusCode, 401)
    t.equal(challengeOf(replayed), 'invalid_dpop_proof replayed')
    t.equal(replayed.headers['front-token'], undefined, 'the client keeps its tokens')
    const again = client.proof('POST', '/me', accessToken)
    t.equal((await send(two.app, 'POST', again)).statusCode, 200)

    const get = client.proof('GET', '/me', accessToken)
    t.equal((await send(one.app, 'GET', get)).statusCode, 200)
    t.equal((await send(two.app, 'GET', get)).statusCode, 200, 'a GET asks no store')
    t.equal((await send(two.app, 'GET', get)).statusCode, 401)
  })

for (const durable of durableStores)
  test(`on ${durable.name} a login or a refresh that was copied is good in no other process`, {
    skip: durable.skip
  }, async (t) => {
    const { one, two, clock } = await twoProcesses(t, durable)
    const client = new DpopClient({ app: one.app, clock })
    const { refreshToken, device } = client
    const there = Object.assign(new DpopClient({ app: two.app, clock }), { device })
    const login = client.proof('POST', '/login')
    t.equal((await client.login(login)).statusCode, 200)
    t.equal(challengeOf(await there.login(login)), 'invalid_dpop_proof replayed')
    t.equal((await one.app.sessions.list('ada')).length, 1)

    const first = client.refreshToken
    t.not(first, refreshToken)
    const proof = client.proof('POST', '/auth/session/refresh')
    t.equal((await client.refresh(proof)).statusCode, 200)
    t.equal((await client.me()).statusCode, 200)
    clock.advance(40)
    const copied = Object.assign(there, { refreshToken: first })
    t.equal(challengeOf(await copied.refresh(proof)), 'invalid_dpop_proof replayed')
    t.equal((await client.refresh()).statusCode, 200, 'it is no theft')
  })

test('a proof that several hooks of a request check is used once', async (t) => {
  const used: string[] = []
  const store = Object.assign(memoryStore(), {
    useOnce: async (id: string) => used.push(id) === 1
  })
  const { app, clock } = await buildApp(t, { ...options, store })
  const preHandler = [app.verifySession(), app.verifySession({ deviceBound: true })]
  app.post('/twice', { preHandler }, async ({ session }) => session.userId)
  const client = new DpopClient({ app, clock })
  await client.login()
  used.length = 0
  const dpop = client.proof('POST', '/twice', client.accessToken)
  const authorization = `DPoP ${client.accessToken}`
  t.equal((await client.send('POST', '/twice', { authorization, dpop })).body, 'ada')
  t.equal(used.length, 1)
  t.match(used[0], /^[\w-]{43}$/)
})

test('a proof that another process has taken stays refused, however often it is checked', async (t) => {
  let isTaken = false
  const store = Object.assign(memoryStore(), { useOnce: async () => !isTaken })
  const { app, clock } = await buildApp(t, { ...options, store })
  await app.register(async (scope) => {
    // A hook of an app that only wants to know whether somebody is logged in.
    scope.addHook('preHandler', async (request) => {
      await request.verifySession().catch(() => null)
    })
    scope.post('/guarded', { preHandler: app.verifySession() }, async () => 'let in')
  })
  const client = new DpopClient({ app, clock })
  await client.login()
  isTaken = true
  const dpop = client.proof('POST', '/guarded', client.accessToken)
  const authorization = `DPoP ${client.accessToken}`
  const reply = await client.send('POST', '/guarded', { authorization, dpop })
  t.equal(reply.statusCode, 401)
  t.equal(challengeOf(reply), 'invalid_dpop_proof replayed')
})

test('a proof that the store cannot be told of is not taken, and the session lives on', async (t) => {
  let isBroken = false
  const useOnce = async () => {
    if (isBroken) throw new Error('no connection')
    return true
  }
  const { app, clock } = await buildApp(t, {
    ...options,
    store: Object.assign(memoryStore(), { useOnce })
  })
  const client = new DpopClient({ app, clock })
  await client.login()
  isBroken = true
  const post = () => {
    const dpop = client.proof('POST', '/me', client.accessToken)
    return client.send('POST', '/me', { authorization: `DPoP ${client.accessToken}`, dpop })
  }
  const refused = await post()
  t.equal(refused.statusCode, 503)
  t.ok(refused.headers['retry-after'])
  t.equal((await client.me()).statusCode, 200)
  t.equal((await client.refresh()).statusCode, 503)
  isBroken = false
  t.equal((await post()).statusCode, 200)
  t.equal((await client.refresh()).statusCode, 200)
})

test('a login beside a copied bound token ends its session only with its key', async (t) => {
  const built = await buildApp(t, options)
  const owner = new DpopClient(built)
  await owner.login()
  const beside = (client: DpopClient, dpop?: string) => {
    const authorization = `DPoP ${owner.accessToken}`
    const headers = { 'st-auth-mode': 'header', authorization, ...(dpop && { dpop }) }
    return client.send('POST', '/login', headers, { userId: 'eve' })
  }
  const thief = new DpopClient(built)
  t.equal((await beside(thief)).statusCode, 200)
  t.equal((await beside(thief, thief.proof('POST', '/login'))).statusCode, 200)
  t.equal((await built.app.sessions.list('ada')).length, 1)
  const same = Object.assign(new DpopClient(built), { device: owner.device })
  t.equal((await beside(same, owner.proof('POST', '/login'))).statusCode, 200)
  t.same(await built.app.sessions.list('ada'), [])
})

test('a WebSocket upgrade is no read, and a request may name the whole URL', async (t) => {
  const used: string[] = []
  const store = Object.assign(memoryStore(), { useOnce: (id: string) => used.push(id) > 0 })
  const built = await buildApp(t, { ...options, store })
  const client = new DpopClient(built)
  await client.login()
  used.length = 0
  const authorization = `DPoP ${client.accessToken}`
  const get = (headers: Record<string, string>) => {
    const dpop = client.proof('GET', '/me', client.accessToken)
    return client.send('GET', '/me', { authorization, dpop, ...headers })
  }
  t.equal((await get({})).statusCode, 200)
  t.equal(used.length, 0)
  t.equal((await get({ upgrade: 'websocket' })).statusCode, 200)
  t.equal(used.length, 1)

  const origin = await built.app.listen({ host: '127.0.0.1', port: 0 })
  const dpop = client.proof('GET', '/me', client.accessToken)
  const { port } = new URL(origin)
  const sent = request({ port, path: `${origin}/me`, headers: { authorization, dpop } }).end()
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  reply.resume()
  t.equal(reply.statusCode, 200)
})
