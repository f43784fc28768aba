import { type Test, test } from 'tap'
import type { SupersessionOptions } from '../../lib/index.ts'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client, type Response } from '../builders/client.ts'

const YEAR_MS = 31_536_000_000
const HTTPS = { apiDomain: 'https://api.example.com', websiteDomain: 'https://example.com' }

async function loginWith(t: Test, options: SupersessionOptions): Promise<Response> {
  const { app } = await buildApp(t, options)
  return new Client(app, 'cookie').login()
}

test('on localhost cookies are httpOnly, lax, not Secure and host-only', async (t) => {
  const { cookies } = await loginWith(t, {})
  t.same(
    cookies.map(({ name, path, httpOnly, sameSite, secure, domain, maxAge }) => ({
      name,
      path,
      httpOnly,
      sameSite,
      secure,
      domain,
      maxAge
    })),
    [
      { name: 'sAccessToken', path: '/' },
      { name: 'sRefreshToken', path: '/auth/session/refresh' }
    ].map((cookie) => ({
      ...cookie,
      httpOnly: true,
      sameSite: 'Lax',
      secure: undefined,
      domain: undefined,
      maxAge: undefined
    }))
  )
  t.equal(cookies[0]?.expires?.getTime(), START_MS + YEAR_MS)
  t.equal(cookies[1]?.expires?.getTime(), START_MS + 100 * 86_400_000)
})

const attributes: [
  name: string,
  options: SupersessionOptions,
  expected: { sameSite?: string; secure?: true; domain?: string }
][] = [
  ['an https API on the same site', { appInfo: HTTPS }, { sameSite: 'Lax', secure: true }],
  [
    'a website on another site',
    { appInfo: { ...HTTPS, websiteDomain: 'https://google.com' } },
    { sameSite: 'None', secure: true }
  ],
  [
    'a website with another protocol',
    { appInfo: { ...HTTPS, websiteDomain: 'http://example.com' } },
    { sameSite: 'None', secure: true }
  ],
  [
    'an explicit SameSite',
    { appInfo: { ...HTTPS, websiteDomain: 'google.com' }, cookieSameSite: 'strict' },
    { sameSite: 'Strict' }
  ],
  ['an explicit Secure', { cookieSecure: true }, { secure: true, sameSite: 'Lax' }],
  ['a domain', { appInfo: HTTPS, cookieDomain: '.Example.com' }, { domain: '.example.com' }],
  [
    'an origin per request',
    { appInfo: { ...HTTPS, origin: ({ headers }) => `https://${headers['st-auth-mode']}.org` } },
    { sameSite: 'None' }
  ]
]

for (const [name, options, expected] of attributes) {
  test(`cookies suit ${name}`, async (t) => {
    const { cookies } = await loginWith(t, options)
    t.equal(cookies.length, 2)
    for (const cookie of cookies) t.match(cookie, expected)
  })
}

test('cookies that a browser would drop are refused when a session is created', async (t) => {
  const { app } = await buildApp(t, {
    appInfo: { apiDomain: 'http://api.test.com:3000', websiteDomain: 'google.com' }
  })
  const lines: string[] = []
  app.addHook('onError', async (_request, _reply, error) => {
    lines.push(error.message)
  })
  t.equal((await new Client(app, 'cookie').login()).statusCode, 500)
  t.match(lines[0], /SameSite/)
  t.equal((await new Client(app, 'header').login()).statusCode, 200)
})

test('the defaults that an app gave to @fastify/cookie are not for session cookies', async (t) => {
  const { default: Fastify } = await import('fastify')
  const { default: cookie } = await import('@fastify/cookie')
  const { default: supersession } = await import('../../lib/index.ts')
  const app = Fastify()
  t.teardown(() => app.close())
  const parseOptions = {
    domain: 'elsewhere.org',
    maxAge: 5,
    signed: true,
    sameSite: 'none'
  } as const
  await app.register(cookie, { secret: 'a secret of the app', parseOptions })
  await app.register(supersession, { signingAlgorithm: 'ES256' })
  app.post('/login', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    return {}
  })
  const { cookies } = await new Client(app, 'cookie').login()
  for (const one of cookies) {
    t.match(one, { sameSite: 'Lax' })
    t.equal(one.domain, undefined)
    t.equal(one.maxAge, undefined)
  }
})

test('of cookies with one name the one that verifies counts, wherever it stands', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'cookie')
  await client.login()
  const { accessToken: good } = client
  for (const cookie of [
    `sAccessToken=junk; sAccessToken=${good}`,
    `sAccessToken=${good}; sAccessToken=junk`,
    `sAccessToken=a.b.c; sAccessToken=${good?.slice(0, -4)}AAAA; sAccessToken=${good}`
  ]) {
    const me = await app.inject({ url: '/me', headers: { cookie } })
    t.equal(me.statusCode, 200, cookie.slice(0, 20))
  }
  const none = await app.inject({
    url: '/me',
    headers: { cookie: 'sAccessToken=junk; sAccessToken=more' }
  })
  t.same(none.json(), { message: 'try refresh token' })
})

test('of refresh cookies the one that can be exchanged counts, and none is a theft', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'cookie')
  await client.login()
  const ended = await app.sessions.issue({ userId: 'bob' })
  await app.sessions.revoke(ended.session.handle)
  const refresh = (cookie: string) =>
    app.inject({ method: 'POST', url: '/auth/session/refresh', headers: { cookie } })
  const none = await refresh(`sRefreshToken=junk; sRefreshToken=${ended.refreshToken}`)
  t.equal(none.statusCode, 401)
  for (const other of ['junk', ended.refreshToken]) {
    const before = client.refreshToken
    const reply = await refresh(`sRefreshToken=${other}; sRefreshToken=${before}`)
    t.equal(reply.statusCode, 200)
    t.equal((await client.refresh()).statusCode, 200, 'the session lives')
  }
})

test('two cookies of one session are told apart by nobody, and the refresh says what is wrong', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'cookie')
  await client.login()
  const { accessToken, refreshToken } = client
  for (const cookie of [
    `sAccessToken=${accessToken}; sAccessToken=${accessToken}; sRefreshToken=${refreshToken}`,
    `sAccessToken=${accessToken}; sRefreshToken=${refreshToken}; sRefreshToken=${refreshToken}`
  ]) {
    const headers = { cookie }
    const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
    t.equal(reply.statusCode, 500)
    t.match(reply.body, /The request contains multiple session cookies\..*olderCookieDomain/)
    t.same(reply.cookies, [])
  }
  t.equal((await client.refresh()).statusCode, 200, 'nothing happened to the session')
})

for (const [olderCookieDomain, domain] of [
  ['', undefined],
  ['.example.com', '.example.com']
] as const) {
  test(`duplicate cookies of the older domain '${olderCookieDomain}' are cleared`, async (t) => {
    const { app } = await buildApp(t, { appInfo: HTTPS, olderCookieDomain })
    const client = new Client(app, 'cookie')
    await client.login()
    const cookie = `sAccessToken=a; sAccessToken=b; sRefreshToken=c; sRefreshToken=d`
    const reply = await app.inject({
      method: 'POST',
      url: '/auth/session/refresh',
      headers: { cookie }
    })
    t.equal(reply.statusCode, 200)
    t.type(reply.json().message, 'string')
    t.equal(reply.headers['front-token'], undefined)
    t.same(
      reply.cookies.map((one) => [one.name, one.value, one.domain, one.expires?.getTime()]),
      [
        ['sAccessToken', '', domain, 0],
        ['sRefreshToken', '', domain, 0]
      ]
    )
  })
}

test('only the cookie that came twice is cleared', async (t) => {
  const { app } = await buildApp(t, { appInfo: HTTPS, olderCookieDomain: '' })
  const reply = await app.inject({
    method: 'POST',
    url: '/auth/session/refresh',
    headers: { cookie: 'sRefreshToken=c; sRefreshToken=d' }
  })
  t.same(
    reply.cookies.map(({ name }) => name),
    ['sRefreshToken']
  )
})

test('a cookie of the first generation asks for a refresh, which clears it', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'cookie')
  await client.login()
  const cookies = `sAccessToken=${client.accessToken}; sRefreshToken=${client.refreshToken}`
  const cookie = `${cookies}; sIdRefreshToken=x`
  const me = await app.inject({ url: '/me', headers: { cookie } })
  t.equal(me.statusCode, 401)
  const url = '/auth/session/refresh'
  for (const [sent, status] of [
    [cookie, 200],
    ['sIdRefreshToken=x', 401]
  ] as const) {
    const reply = await app.inject({ method: 'POST', url, headers: { cookie: sent } })
    t.equal(reply.statusCode, status)
    const legacy = reply.cookies.find(({ name }) => name === 'sIdRefreshToken')
    t.equal(legacy?.value, '')
    t.equal(legacy?.path, '/')
  }
})
