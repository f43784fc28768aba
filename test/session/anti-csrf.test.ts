import websocket from '@fastify/websocket'
import { test } from 'tap'
import { memoryStore, type SupersessionOptions } from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { logLines } from '../builders/log-lines.ts'

const appInfo = { apiDomain: 'https://api.example.com', websiteDomain: 'https://www.example.com' }
const FOREIGN: Record<string, string>[] = [
  { origin: 'https://evil.example' },
  { origin: 'https://sub.example.com', 'sec-fetch-site': 'same-site' },
  { origin: 'null' },
  { origin: 'null', 'sec-fetch-site': 'cross-site' },
  { origin: 'https://www.example.com.evil.example' },
  { origin: 'http://www.example.com' },
  { origin: 'http://asked.example', host: 'asked.example' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' }
]
const OWN: Record<string, string>[] = [
  {},
  { origin: 'https://www.example.com' },
  { origin: 'https://www.example.com', 'sec-fetch-site': 'same-site' },
  { origin: 'https://api.example.com' },
  { origin: 'https://asked.example', host: 'asked.example' },
  { 'sec-fetch-site': 'same-origin' },
  { origin: 'null', 'sec-fetch-site': 'same-origin' },
  { 'sec-fetch-site': 'none' }
]

/** A client with a session, and a count of what the store is asked. */
async function loggedIn(t: Parameters<typeof buildApp>[0], options: SupersessionOptions = {}) {
  const store = memoryStore()
  const asked = { count: 0 }
  for (const name of ['get', 'replace', 'delete'] as const) {
    const original = store[name].bind(store) as (...parameters: unknown[]) => unknown
    Object.assign(store, {
      [name]: (...parameters: unknown[]) => {
        asked.count++
        return original(...parameters)
      }
    })
  }
  const built = await buildApp(t, { appInfo, store, ...options })
  const client = new Client(built.app, 'cookie')
  await client.login()
  asked.count = 0
  return { ...built, client, asked }
}

for (const cookieSameSite of ['lax', 'strict', 'none'] as const) {
  for (const antiCsrf of ['VIA_TOKEN', 'VIA_CUSTOM_HEADER', 'NONE'] as const) {
    test(`pages of other origins do nothing with a user's cookies: ${cookieSameSite}, ${antiCsrf}`, async (t) => {
      const { client, asked } = await loggedIn(t, { cookieSameSite, antiCsrf })
      for (const headers of FOREIGN) {
        for (const url of ['/me', '/auth/signout', '/auth/session/refresh']) {
          const reply = await client.copy().request({ method: 'POST', url, headers })
          t.equal(reply.statusCode, 403, `${url} ${JSON.stringify(headers)}`)
          t.same(reply.json(), { detail: 'Forbidden' })
          t.same(reply.cookies, [], 'nothing is cleared')
          t.equal(reply.headers['front-token'], undefined)
        }
      }
      t.equal(asked.count, 0, 'the store is not asked')
      for (const headers of OWN) {
        const reply = await client.request({ method: 'POST', url: '/me', headers })
        t.equal(reply.statusCode, 200, JSON.stringify(headers))
      }
      t.equal((await client.refresh()).statusCode, 200)
    })
  }
}

test('a refresh without a cookie is refused as well, since its reply would clear the cookies', async (t) => {
  const { app } = await loggedIn(t)
  const url = '/auth/session/refresh'
  const headers = { origin: 'https://evil.example' }
  const reply = await app.inject({ method: 'POST', url, headers })
  t.equal(reply.statusCode, 403)
  t.same(reply.cookies, [])
})

test('requests that change nothing, header tokens and requests without a session are not looked at', async (t) => {
  const { app, client } = await loggedIn(t)
  const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  for (const method of ['GET', 'HEAD'] as const)
    t.equal((await client.request({ method, url: '/me', headers })).statusCode, 200, method)
  const byHeader = new Client(app, 'header')
  await byHeader.login()
  t.equal(
    (await byHeader.request({ method: 'POST', url: '/me', headers })).statusCode,
    200,
    'a page cannot make a browser send this header'
  )
  t.equal((await app.inject({ method: 'POST', url: '/me', headers })).statusCode, 401)
})

test('allowedOrigins adds origins, as a list or as a function', async (t) => {
  const origin = 'https://partner.example'
  for (const allowedOrigins of [
    [origin],
    (given: string, request: { url: string }) => given === origin && request.url === '/me'
  ]) {
    const { client } = await loggedIn(t, { allowedOrigins })
    const post = (headers: Record<string, string>) =>
      client.request({ method: 'POST', url: '/me', headers })
    t.equal((await post({ origin })).statusCode, 200)
    t.equal((await post({ origin: `${origin}.evil.example` })).statusCode, 403)
  }
  for (const allowedOrigins of ['*', ['*'], [5], [null]] as never[])
    await t.rejects(buildApp(t, { allowedOrigins }), { message: /allowedOrigins/ })
})

test('where the website is told by the request, its origin is asked for', async (t) => {
  const { client } = await loggedIn(t, {
    appInfo: {
      apiDomain: 'https://api.example.com',
      origin: (request) => `https://${String(request.headers['x-tenant'])}.example.com`
    }
  })
  const post = (headers: Record<string, string>) =>
    client.request({ method: 'POST', url: '/me', headers })
  t.equal((await post({ origin: 'https://a.example.com', 'x-tenant': 'a' })).statusCode, 200)
  t.equal((await post({ origin: 'https://a.example.com', 'x-tenant': 'b' })).statusCode, 403)
})

test('a WebSocket of a foreign page is refused before the upgrade', async (t) => {
  const { app } = await buildApp(t, { appInfo })
  await app.register(websocket)
  app.get('/news', { websocket: true, preValidation: app.verifySession() }, (socket) => {
    socket.send('hello')
  })
  const client = new Client(app, 'cookie')
  await client.login()
  const cookie = `sAccessToken=${client.accessToken}`
  const open = (origin: string) => app.injectWS('/news', { headers: { cookie, origin } })
  const socket = await open('https://www.example.com')
  socket.terminate()
  await t.rejects(open('https://evil.example'), { message: /403/ })
})

test('the log says which origin was refused, and why', async (t) => {
  const { lines, logger } = logLines()
  const { app } = await buildApp(t, { appInfo }, { logger })
  const client = new Client(app, 'cookie')
  await client.login()
  await client.request({ method: 'POST', url: '/me', headers: { origin: 'https://evil.example' } })
  const line = lines.map((text) => JSON.parse(text)).find(({ reason }) => reason === 'origin')
  t.match(line, {
    error: { code: 'SUPERSESSION_FOREIGN_ORIGIN', cause: /evil\.example.*allowedOrigins/ }
  })
})

test('a login ends the session that the request still has, unless the app keeps it', async (t) => {
  for (const method of ['cookie', 'header'] as const) {
    const { app } = await buildApp(t, { appInfo })
    app.post('/switch', async (request, reply) => {
      await app.sessions.create(request, reply, { userId: 'bob', keepOldSession: true })
      return {}
    })
    const client = new Client(app, method)
    const handles = async () => [
      ...(await app.sessions.list('ada')),
      ...(await app.sessions.list('bob'))
    ]
    const { handle: first } = (await client.login()).json()
    await client.post('/switch')
    t.equal((await handles()).length, 2)
    const { handle: last } = (await client.login('ada')).json()
    t.same((await handles()).sort(), [first, last].sort())
    const form = await app.inject({
      method: 'POST',
      url: '/login',
      payload: { userId: 'eve' },
      headers: { origin: 'https://evil.example', cookie: `sAccessToken=${client.accessToken}` }
    })
    t.equal(form.statusCode, 200)
    t.equal(form.headers['set-cookie'], undefined, 'a foreign page takes no cookies away')
    t.ok((await handles()).includes(last), 'and ends nothing')
  }
})

test('a login by a redirect from elsewhere ends the session whose cookies it replaces', async (t) => {
  const { app } = await buildApp(t, { appInfo })
  app.get('/callback', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'bob' })
    return {}
  })
  const client = new Client(app, 'cookie')
  await client.login()
  const reply = await app.inject({
    url: '/callback',
    headers: {
      cookie: `sAccessToken=${client.accessToken}`,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate'
    }
  })
  t.match(reply.headers['set-cookie'], [/^sAccessToken=ey/])
  t.same(await app.sessions.list('ada'), [])
  t.equal((await app.sessions.list('bob')).length, 1)
})

test('an http page of the host is not its own where cookies are Secure', async (t) => {
  const headers = { origin: 'http://asked.example', host: 'asked.example' }
  for (const [cookieSecure, status] of [
    [true, 403],
    [false, 200]
  ] as const) {
    const { client } = await loggedIn(t, { cookieSecure })
    t.equal((await client.request({ method: 'POST', url: '/me', headers })).statusCode, status)
  }
})
