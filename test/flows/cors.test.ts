import cors from '@fastify/cors'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import supersession, { getAllCORSHeaders, memoryStore } from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import { Client, type Response } from '../builders/client.ts'

const website = 'https://example.org'
const appInfo = { apiDomain: 'https://api.example.com', websiteDomain: website }
const headers = { origin: website }
const REFRESH = '/auth/session/refresh'

const corsOptions = {
  origin: website,
  credentials: true,
  allowedHeaders: ['content-type', ...getAllCORSHeaders()],
  exposedHeaders: ['x-own']
}

/** An API for a website of another site, as the README sets it up. */
async function crossOriginApp(t: Test, options = {}): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(cors, corsOptions)
  await app.register(supersession, { ...FAST_KEYS, appInfo, ...options })
  addRoutes(app)
  return app
}

/** What a browser asks before it lets a script read the reply. */
function isReadable(t: Test, reply: Response, exposed?: string): void {
  t.equal(reply.headers['access-control-allow-origin'], website)
  t.equal(reply.headers['access-control-allow-credentials'], 'true')
  if (exposed !== undefined) t.equal(reply.headers['access-control-expose-headers'], exposed)
}

for (const [method, url, names] of [
  ['POST', REFRESH, 'anti-csrf,authorization,fdi-version,rid,st-auth-mode'],
  ['POST', '/login', 'content-type,rid,st-auth-mode'],
  ['GET', '/me', 'rid,st-auth-mode']
]) {
  test(`the preflight of ${method} ${url} lets the SDK's headers through`, async (t) => {
    const app = await crossOriginApp(t)
    const reply = await app.inject({
      method: 'OPTIONS',
      url: String(url),
      headers: {
        ...headers,
        'access-control-request-method': method,
        'access-control-request-headers': names
      }
    })
    t.equal(reply.statusCode, 204)
    isReadable(t, reply)
    const allowed = String(reply.headers['access-control-allow-headers']).split(', ')
    for (const name of String(names).split(',')) t.ok(allowed.includes(name), name)
  })
}

for (const [method, issued] of [
  ['cookie', 'x-own, front-token'],
  ['header', 'x-own, front-token, st-access-token, st-refresh-token']
] as const) {
  test(`by ${method}: a page of another origin can log in, ask, refresh and sign out`, async (t) => {
    const app = await crossOriginApp(t)
    const client = new Client(app, method)
    const post = (url: string, payload?: object) =>
      client.request({ method: 'POST', url, headers, ...(payload && { payload }) })
    isReadable(t, await post('/login', { userId: 'ada' }), issued)
    const me = await client.request({ url: '/me', headers })
    isReadable(t, me, 'x-own')
    t.equal(me.json().userId, 'ada')
    const { accessToken } = client
    client.accessToken = client.refreshToken
    isReadable(t, await post(REFRESH), issued)
    t.not(client.accessToken, accessToken)
    const signOut = await post('/auth/signout')
    isReadable(t, signOut)
    t.match(signOut.headers['access-control-expose-headers'], /^x-own, .*front-token/)
    t.equal(signOut.headers['front-token'], 'remove')
  })
}

test('errors can be read by the page, wherever they are thrown', async (t) => {
  const store = memoryStore()
  const app = await crossOriginApp(t, { store })
  app.get('/thrown', async () => {
    throw new Error('secret')
  })
  await app.register(async (scope) => {
    scope.addHook('onRequest', scope.verifySession())
    scope.get('/guarded', async () => 'never')
  })
  app.get('/checked', { preHandler: app.verifySession({ checkDatabase: true }) }, async () => 'ok')
  const client = new Client(app, 'header')
  await client.login()
  store.get = () => {
    throw new Error('out of order')
  }
  for (const [status, reply] of [
    [401, await app.inject({ url: '/guarded', headers })],
    [401, await app.inject({ method: 'POST', url: REFRESH, headers })],
    [401, await app.inject({ url: '/me', headers: { ...headers, cookie: 'sIdRefreshToken=x' } })],
    [404, await app.inject({ url: '/nowhere', headers })],
    [405, await app.inject({ method: 'PUT', url: '/login', headers })],
    [500, await app.inject({ url: '/thrown', headers })],
    [503, await client.request({ url: '/checked', headers })]
  ] as const) {
    t.equal(reply.statusCode, status)
    isReadable(t, reply)
  }
})

test('a hook that runs before @fastify/cors answers what no page can read: register CORS first', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, appInfo })
  app.addHook('onRequest', app.verifySession())
  await app.register(cors, corsOptions)
  addRoutes(app)
  const reply = await app.inject({ url: '/me', headers })
  t.equal(reply.statusCode, 401)
  t.equal(reply.headers['access-control-allow-origin'], undefined)
})

test('keys and discovery are for every origin', async (t) => {
  const app = await crossOriginApp(t)
  for (const url of ['/auth/jwt/jwks.json', '/auth/.well-known/openid-configuration']) {
    const reply = await app.inject({ url, headers: { origin: 'https://elsewhere.net' } })
    t.equal(reply.headers['access-control-allow-origin'], '*')
  }
})

test('every caller has a list of CORS headers of its own', (t) => {
  const names = ['rid', 'fdi-version', 'anti-csrf', 'authorization', 'st-auth-mode']
  t.same(getAllCORSHeaders(), names)
  t.not(getAllCORSHeaders(), getAllCORSHeaders())
  t.end()
})
