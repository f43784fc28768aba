import { once } from 'node:events'
import { createServer, type RequestOptions, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/behind-a-proxy.ts'
import { refuseBadLogins } from '../builders/bad-logins.ts'
import { checkPageCode } from '../builders/page-code.ts'

/** A proxy that takes off TLS and `/shop`, as far as the app can tell. */
async function openProxy(t: Test): Promise<number> {
  const app = await buildApp()
  t.teardown(() => app.close())
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers } = incoming
    const forwarded = {
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': String(headers.host)
    }
    const passed = request({
      port,
      method,
      path: String(incoming.url).replace(/^\/shop/, ''),
      headers: { ...headers, ...forwarded }
    } as RequestOptions)
    passed.on('response', (reply) => {
      outgoing.writeHead(Number(reply.statusCode), reply.headers)
      reply.pipe(outgoing)
    })
    incoming.pipe(passed)
  })
  t.teardown(() => proxy.close())
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return (proxy.address() as AddressInfo).port
}

/** What a browser at https://example.com sends and is answered. */
async function ask(
  port: number,
  method: string,
  path: string,
  { cookie = '', origin = 'https://example.com', body = '' } = {}
) {
  const headers = {
    host: 'example.com',
    origin,
    cookie,
    'st-auth-mode': 'cookie',
    'user-agent': 'a browser',
    ...(body !== '' && { 'content-type': 'application/json' })
  }
  const sent = request({ port, method, path, headers })
  sent.end(body)
  const [reply] = await once(sent, 'response')
  const cookies: string[] = reply.headers['set-cookie'] ?? []
  return { status: reply.statusCode, cookies, body: JSON.parse(await text(reply)) }
}

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/behind-a-proxy.md')
})

test('cookies have the paths that browsers see, and come back through the proxy', async (t) => {
  const port = await openProxy(t)
  const body = JSON.stringify({ userId: 'ada' })
  const { cookies } = await ask(port, 'POST', '/shop/login', { body })
  t.match(cookies, [
    /^sAccessToken=.*; Path=\/shop; .*Secure; SameSite=Lax/,
    /^sRefreshToken=.*; Path=\/shop\/auth\/session\/refresh; .*Secure; SameSite=Lax/
  ])
  const cookie = cookies.map((text) => text.split(';')[0]).join('; ')
  t.same((await ask(port, 'GET', '/shop/devices', { cookie })).body, [
    { userAgent: 'a browser', address: '203.0.113.7' }
  ])
  t.equal((await ask(port, 'POST', '/shop/order', { cookie })).status, 200)
  t.equal((await ask(port, 'POST', '/shop/auth/session/refresh', { cookie })).status, 200)
  const foreign = { cookie, origin: 'https://evil.test' }
  t.equal((await ask(port, 'POST', '/shop/order', foreign)).status, 403)
})

test('nobody but the proxy says which address asks', async (t) => {
  const app = await buildApp()
  t.teardown(() => app.close())
  const addressOf = async (userId: string, remoteAddress: string, forwarded: string) => {
    const from = { remoteAddress, headers: { 'x-forwarded-for': forwarded } }
    const login = await app.inject({ method: 'POST', url: '/login', payload: { userId }, ...from })
    const authorization = `Bearer ${login.headers['st-access-token']}`
    const devices = await app.inject({ url: '/devices', headers: { authorization } })
    return devices.json()[0].address
  }
  t.equal(await addressOf('ada', '198.51.100.9', '192.0.2.1'), '198.51.100.9', 'past the proxy')
  t.equal(await addressOf('bob', '127.0.0.1', '192.0.2.1, 203.0.113.7'), '203.0.113.7', 'appended')
})

test('a login without a user of any use is 422', async (t) => {
  const app = await buildApp()
  t.teardown(() => app.close())
  await refuseBadLogins(t, app)
})
