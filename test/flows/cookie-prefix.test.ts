import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import type { SupersessionOptions } from '../../lib/index.ts'
import { injectAs } from '../../lib/testing/index.ts'
import { buildApp } from '../builders/app.ts'
import { buildServices } from '../builders/services.ts'

const HTTPS = { appInfo: { apiDomain: 'https://example.com' } }
const COOKIE_MODE = { 'st-auth-mode': 'cookie' }

/** The cookies of a browser for one host, by name. Paths are left out. */
class Jar {
  readonly #cookies = new Map<string, string>()

  async send(app: FastifyInstance, method: 'GET' | 'POST', url: string, payload?: object) {
    const cookies = Object.fromEntries(this.#cookies)
    const reply = await app.inject({
      method,
      url,
      cookies,
      headers: COOKIE_MODE,
      ...(payload !== undefined && { payload })
    })
    for (const { name, value } of reply.cookies) {
      if (value === '') this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    return reply
  }

  get names(): string[] {
    return [...this.#cookies.keys()].sort()
  }
}

test('two apps on one host keep their sessions apart', async (t) => {
  const { app: shop } = await buildApp(t, { cookiePrefix: 'shop-' })
  const { app: blog } = await buildApp(t, { cookiePrefix: 'blog-' })
  const jar = new Jar()
  await jar.send(shop, 'POST', '/login', { userId: 'ada' })
  await jar.send(blog, 'POST', '/login', { userId: 'bob' })
  t.same(jar.names, [
    'blog-sAccessToken',
    'blog-sRefreshToken',
    'shop-sAccessToken',
    'shop-sRefreshToken'
  ])
  t.equal((await jar.send(shop, 'POST', '/auth/session/refresh')).statusCode, 200)
  t.equal((await jar.send(shop, 'GET', '/me')).json().userId, 'ada')
  t.equal((await jar.send(blog, 'GET', '/me')).json().userId, 'bob')
  t.equal((await jar.send(shop, 'POST', '/auth/signout')).statusCode, 200)
  t.same(jar.names, ['blog-sAccessToken', 'blog-sRefreshToken'])
  t.equal((await jar.send(blog, 'GET', '/me')).statusCode, 200)
})

test('with __Host- each cookie has the prefix that its path allows', async (t) => {
  const { app } = await buildApp(t, { ...HTTPS, cookiePrefix: '__Host-' })
  const jar = new Jar()
  const { headers } = await jar.send(app, 'POST', '/login', { userId: 'ada' })
  const [access, refresh] = headers['set-cookie'] as string[]
  t.match(access, /^__Host-sAccessToken=[^;]+; Path=\/; [^D]*HttpOnly; Secure; SameSite=Lax$/)
  t.match(refresh, /^__Secure-sRefreshToken=[^;]+; Path=\/auth\/session\/refresh; /)
  t.equal((await jar.send(app, 'GET', '/me')).statusCode, 200)
})

test('with a prefix the cookies of the protocol are not read', async (t) => {
  const options: SupersessionOptions = { ...HTTPS, cookiePrefix: '__Host-' }
  const { app } = await buildApp(t, options)
  const { accessToken, refreshToken = '' } = await app.sessions.issue({ userId: 'ada' })
  const planted = { sAccessToken: accessToken, sRefreshToken: refreshToken }
  const me = await app.inject({ url: '/me', cookies: planted })
  t.equal(me.statusCode, 401)
  const url = '/auth/session/refresh'
  t.equal((await app.inject({ method: 'POST', url, cookies: planted })).statusCode, 401)
  const named = { '__Host-sAccessToken': accessToken }
  t.equal((await app.inject({ url: '/me', cookies: named })).statusCode, 200)
})

test('a login ends the session of the prefixed cookie, and no other', async (t) => {
  const { app } = await buildApp(t, { cookiePrefix: 'shop-' })
  const jar = new Jar()
  await jar.send(app, 'POST', '/login', { userId: 'ada' })
  await jar.send(app, 'POST', '/login', { userId: 'ada' })
  t.equal((await app.sessions.list('ada')).length, 1)
})

test('injectAs sends the cookie by its name', async (t) => {
  const { app } = await buildApp(t, {
    cookiePrefix: 'shop-',
    getTokenTransferMethod: () => 'cookie'
  })
  const inject = await injectAs(app, 'ada')
  t.equal((await inject('/me')).json().userId, 'ada')
})

test('a service that verifies reads the cookie by the name of its issuer', async (t) => {
  const { issuer, orders } = await buildServices(t, {
    orders: { ...HTTPS, cookiePrefix: '__Host-' }
  })
  const { accessToken } = await issuer.sessions.issue({ userId: 'ada' })
  const status = async (name: string) =>
    (await orders.inject({ url: '/orders', cookies: { [name]: accessToken } })).statusCode
  t.equal(await status('__Host-sAccessToken'), 200)
  t.equal(await status('sAccessToken'), 401)
})

const HOST_ONLY: SupersessionOptions = { ...HTTPS, cookiePrefix: '__Host-' }

/** The cookies of a login, by name. */
async function cookiesOfLogin(app: FastifyInstance, userId: string) {
  const headers = COOKIE_MODE
  const reply = await app.inject({ method: 'POST', url: '/login', headers, payload: { userId } })
  const values = Object.fromEntries(reply.cookies.map(({ name, value }) => [name, value]))
  return {
    access: `__Host-sAccessToken=${values['__Host-sAccessToken']}`,
    refresh: `__Secure-sRefreshToken=${values['__Secure-sRefreshToken']}`
  }
}

test('with __Host- a refresh cookie that a sibling domain set counts for nothing', async (t) => {
  const { app } = await buildApp(t, HOST_ONLY)
  const ada = await cookiesOfLogin(app, 'ada')
  const eve = await cookiesOfLogin(app, 'eve')
  const junk = Array.from({ length: 20 }, (_, index) => `__Secure-sRefreshToken=${index}`)
  const encoded = Buffer.from('null').toString('base64url')
  const refresh = async (...cookies: string[]) => {
    const headers = { cookie: cookies.join('; '), rid: 'session' }
    const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
    const access = reply.cookies.find(({ name }) => name === '__Host-sAccessToken')?.value
    const cookie = `__Host-sAccessToken=${access}`
    const me = access ? await app.inject({ url: '/me', headers: { cookie } }) : null
    return me === null ? reply.statusCode : me.json().userId
  }
  t.equal(await refresh(eve.refresh), 401, 'without a session')
  t.equal(await refresh('__Host-sAccessToken=x', eve.refresh), 401)
  t.equal(await refresh(ada.access, eve.refresh), 401)
  const planted = [eve.refresh, eve.refresh, ...junk, `__Secure-sRefreshToken=v1.${encoded}.x`]
  t.equal(await refresh(ada.access, ...planted, ada.refresh), 'ada')
  t.equal(await refresh(ada.access), 401)
  t.equal(await refresh(), 401)
})
