import cors, { type FastifyCorsOptions } from '@fastify/cors'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import supersession, { getAllCORSHeaders } from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'

const WEBSITE = 'https://example.com'
const GOOD: FastifyCorsOptions = {
  origin: WEBSITE,
  credentials: true,
  allowedHeaders: ['content-type', ...getAllCORSHeaders()]
}

/** An API whose website is of another origin. */
async function crossOriginApp(t: Test, options: FastifyCorsOptions = GOOD) {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(cors, options)
  await app.register(supersession, {
    ...FAST_KEYS,
    appInfo: { apiDomain: 'https://api.example.com', websiteDomain: WEBSITE }
  })
  addRoutes(app)
  app.get('/early', { onRequest: app.verifySession() }, async () => 'ok')
  return app
}

const fromWebsite = { origin: WEBSITE, 'st-auth-mode': 'header', rid: 'anti-csrf' }

test('a preflight of the front end is allowed all that it sends', async (t) => {
  const app = await crossOriginApp(t)
  for (const url of ['/auth/session/refresh', '/login', '/me']) {
    const reply = await app.inject({
      method: 'OPTIONS',
      url,
      headers: {
        origin: WEBSITE,
        'access-control-request-method': 'POST',
        'access-control-request-headers': getAllCORSHeaders().join(',')
      }
    })
    t.equal(reply.statusCode, 204)
    t.equal(reply.headers['access-control-allow-origin'], WEBSITE)
    t.equal(reply.headers['access-control-allow-credentials'], 'true')
    const allowed = String(reply.headers['access-control-allow-headers'])
    for (const name of getAllCORSHeaders()) t.ok(allowed.includes(name), name)
  }
})

test('token headers are exposed beside those of the app', async (t) => {
  const app = await crossOriginApp(t, { ...GOOD, exposedHeaders: ['x-total'] })
  const payload = { userId: 'ada' }
  const reply = await app.inject({ method: 'POST', url: '/login', payload, headers: fromWebsite })
  t.equal(
    reply.headers['access-control-expose-headers'],
    'x-total, front-token, st-access-token, st-refresh-token'
  )
})

test('a 401 can be read by the website, wherever the session was checked', async (t) => {
  const app = await crossOriginApp(t)
  for (const request of [
    { method: 'GET', url: '/early' },
    { method: 'GET', url: '/me' },
    { method: 'POST', url: '/auth/session/refresh' },
    { method: 'GET', url: '/nowhere' }
  ] as const) {
    const reply = await app.inject({ ...request, headers: fromWebsite })
    t.equal(reply.headers['access-control-allow-origin'], WEBSITE, request.url)
    t.equal(reply.headers['access-control-allow-credentials'], 'true', request.url)
  }
})

test('the public keys are for every origin, whatever CORS says', async (t) => {
  const app = await crossOriginApp(t)
  for (const path of ['/auth/jwt/jwks.json', '/auth/.well-known/openid-configuration']) {
    const reply = await app.inject({ url: path, headers: { origin: 'https://elsewhere.org' } })
    t.equal(reply.headers['access-control-allow-origin'], '*')
  }
})
