import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import { test } from 'tap'
import { memoryStore } from '../lib/index.ts'
import { buildApp, START_MS } from './builders/app.ts'
import { Client } from './builders/client.ts'

for (const routerOptions of [{}, { ignoreTrailingSlash: true }, { caseSensitive: false }]) {
  test(`the routes take a tenant and a slash behind, with ${JSON.stringify(routerOptions)}`, async (t) => {
    const { app } = await buildApp(t, {}, { routerOptions })
    for (const base of ['/auth', '/auth/tenant-1']) {
      for (const end of ['', '/', '?x=1', '/?x=1']) {
        const client = new Client(app, 'header')
        await client.login()
        const headers = { authorization: `Bearer ${client.refreshToken}` }
        const url = `${base}/session/refresh${end}`
        t.equal((await app.inject({ method: 'POST', url, headers })).statusCode, 200, url)
        const signOut = await client.post(`${base}/signout${end}`)
        t.same(signOut.json(), { status: 'OK' }, base + end)
        for (const path of ['/jwt/jwks.json', '/.well-known/openid-configuration'])
          t.equal((await app.inject(base + path + end)).statusCode, 200, base + path + end)
      }
    }
  })
}

test('what is no tenant’s id is another path', async (t) => {
  const { app } = await buildApp(t)
  for (const path of ['/auth/t_1/signout', '/auth/a/b/signout', '/auth//signout', '/signout'])
    t.equal((await app.inject({ method: 'POST', url: path })).statusCode, 404, path)
})

test('a route of the app next to the plugin’s is left alone', async (t) => {
  const { app } = await buildApp(t)
  app.post('/auth/signup', async () => ({ own: true }))
  t.same((await app.inject({ method: 'POST', url: '/auth/signup' })).json(), { own: true })
})

test('refresh and sign-out take no body, and do not mind one', async (t) => {
  for (const headers of [
    {},
    { 'content-type': 'application/json' },
    { 'content-type': 'text/html' }
  ]) {
    for (const payload of [undefined, '', '{"a":1}', '{']) {
      const { app } = await buildApp(t)
      const client = new Client(app, 'header')
      await client.login()
      const bearer = (token?: string) => ({ ...headers, authorization: `Bearer ${token}` })
      const body = payload === undefined ? {} : { payload }
      const refresh = await app.inject({
        method: 'POST',
        url: '/auth/session/refresh',
        headers: bearer(client.refreshToken),
        ...body
      })
      t.equal(refresh.statusCode, 200)
      const signOut = await app.inject({
        method: 'POST',
        url: '/auth/signout',
        headers: bearer(client.accessToken),
        ...body
      })
      t.same(signOut.json(), { status: 'OK' })
    }
  }
})

test('the first visit of a browser is answered without asking the store', async (t) => {
  let calls = 0
  const store = memoryStore()
  const counted = Object.assign(store, {
    get: () => {
      calls++
      return null
    }
  })
  const { app } = await buildApp(t, { store: counted })
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh' })
  t.equal(reply.statusCode, 401)
  t.equal(reply.headers['front-token'], 'remove')
  t.equal(calls, 0)
})

test('signing out without a session clears nothing, with an expired one asks for a refresh', async (t) => {
  const { app, clock } = await buildApp(t)
  const client = new Client(app, 'cookie')
  const nobody = await client.post('/auth/signout')
  t.equal(nobody.statusCode, 401)
  t.same(nobody.json(), { message: 'unauthorised' })
  t.equal(nobody.headers['front-token'], undefined)
  await client.login()
  clock.advance(3600)
  t.same((await client.post('/auth/signout')).json(), { message: 'try refresh token' })
})

test('signing out of a session that was revoked elsewhere is fine', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'cookie')
  const { handle } = (await client.login()).json()
  await app.sessions.revoke(handle)
  const reply = await client.post('/auth/signout')
  t.same(reply.json(), { status: 'OK' })
  t.equal(reply.headers['front-token'], 'remove')
})

test('the routes stand under the base path of the app', async (t) => {
  const { app } = await buildApp(t, {
    appInfo: { apiBasePath: '/api/session', apiGatewayPath: '/gateway' }
  })
  const client = new Client(app, 'cookie', '/api/session')
  const { cookies } = await client.login()
  t.equal(cookies[1]?.path, '/gateway/api/session/session/refresh', 'as the browser sees it')
  t.equal((await client.refresh()).statusCode, 200)
  t.equal((await app.inject({ method: 'POST', url: '/auth/session/refresh' })).statusCode, 404)
})

const appInfo = { apiDomain: 'https://api.example.com' }

for (const signingAlgorithm of ['RS256', 'ES256', 'EdDSA'] as const) {
  test(`another service verifies ${signingAlgorithm} access tokens with the JWKS`, async (t) => {
    const { app, clock } = await buildApp(t, { signingAlgorithm, appInfo })
    const { accessToken } = await app.sessions.issue({ userId: 'ada' })
    const reply = await app.inject('/auth/jwt/jwks.json')
    t.equal(reply.headers['access-control-allow-origin'], '*')
    t.equal(reply.headers['cache-control'], `max-age=${7 * 86_400 - 60}, must-revalidate`)
    const { payload, protectedHeader } = await jwtVerify(
      accessToken,
      createLocalJWKSet(reply.json()),
      { issuer: 'https://api.example.com/auth', currentDate: new Date(clock.nowMs) }
    )
    t.equal(payload.sub, 'ada')
    t.equal(protectedHeader.alg, signingAlgorithm)
  })
}

test('the discovery document names issuer and keys', async (t) => {
  const { app } = await buildApp(t, { appInfo })
  const reply = await app.inject('/auth/.well-known/openid-configuration')
  t.equal(reply.headers['access-control-allow-origin'], '*')
  t.match(reply.json(), {
    issuer: 'https://api.example.com/auth',
    jwks_uri: 'https://api.example.com/auth/jwt/jwks.json',
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256']
  })
  t.same(reply.json(), app.sessions.discovery())
  for (const url of Object.values(reply.json<Record<string, unknown>>()))
    if (typeof url === 'string' && url.startsWith('https://api.example.com/auth/'))
      t.equal((await app.inject(new URL(url).pathname)).statusCode, 200, url)
})

test('an issuer of the app’s own is in tokens, JWTs and the discovery document', async (t) => {
  const { app } = await buildApp(t, { appInfo, issuer: 'https://id.example.com' })
  const { accessToken } = await app.sessions.issue({ userId: 'ada' })
  for (const jwt of [accessToken, await app.sessions.createJWT()])
    t.equal(decodeJwt(jwt).iss, 'https://id.example.com')
  t.match(app.sessions.discovery(), {
    issuer: 'https://id.example.com',
    jwks_uri: 'https://api.example.com/auth/jwt/jwks.json'
  })
})

test('the discovery document names the algorithm of older keys as long as they verify', async (t) => {
  const store = memoryStore()
  const { app: former } = await buildApp(t, { appInfo, store, signingAlgorithm: 'EdDSA' })
  t.same(former.sessions.discovery()['id_token_signing_alg_values_supported'], ['EdDSA'])
  const later = { clock: () => START_MS + 1000, signingAlgorithm: 'ES256' } as const
  const { app } = await buildApp(t, { appInfo, store, ...later })
  t.same(app.sessions.discovery()['id_token_signing_alg_values_supported'], ['ES256', 'EdDSA'])
})
