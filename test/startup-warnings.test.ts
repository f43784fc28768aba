import cors, { type FastifyCorsOptions } from '@fastify/cors'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { type Test, test } from 'tap'
import errors from '../lib/errors/index.ts'
import supersession, {
  getAllCORSHeaders,
  memoryStore,
  type SupersessionOptions
} from '../lib/index.ts'
import { FAST_KEYS } from './builders/app.ts'

const SAME_SITE = { apiDomain: 'https://api.example.com', websiteDomain: 'https://example.com' }
const ALLOWED = ['content-type', ...getAllCORSHeaders()]

/** An app, and what it warns of. */
function loggingApp(t: Test): { app: FastifyInstance; warnings: string[] } {
  const warnings: string[] = []
  const write = (line: string) => {
    const { level, msg } = JSON.parse(line)
    if (level === 40) warnings.push(msg)
  }
  const app = Fastify({ logger: { level: 'warn', stream: { write } } }) as FastifyInstance
  t.teardown(() => app.close())
  return { app, warnings }
}

/** What an app warns of until it listens. */
async function warningsOf(
  t: Test,
  options: SupersessionOptions,
  corsOptions?: FastifyCorsOptions
): Promise<string[]> {
  const { app, warnings } = loggingApp(t)
  if (corsOptions !== undefined) await app.register(cors, corsOptions)
  await app.register(supersession, { ...FAST_KEYS, ...options })
  await listenAndExamine(app)
  return warnings
}

/** Listens, and answers when the preflight of the doctor is done: it goes before this one. */
async function listenAndExamine(app: FastifyInstance): Promise<void> {
  const listened = new Promise<void>((resolve) => {
    app.addHook('onListen', async () => resolve())
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  await listened
  await app.inject({ method: 'OPTIONS', url: '/auth/session/refresh' })
}

test('a good configuration is silent', async (t) => {
  const good: SupersessionOptions = {
    appInfo: SAME_SITE,
    cookieDomain: '.example.com',
    olderCookieDomain: '',
    cookieSameSite: 'lax',
    store: memoryStore()
  }
  const corsOptions = { origin: 'https://example.com', credentials: true, allowedHeaders: ALLOWED }
  t.same(await warningsOf(t, good, corsOptions), [])
  t.same(await warningsOf(t, {}), [], 'and so is none on localhost')
  const origin = () => 'https://example.com'
  t.same(await warningsOf(t, { appInfo: { origin }, cookieSameSite: 'lax' }), [])
  t.same(await warningsOf(t, { cookieSameSite: 'strict' }), [])
})

test('http is fine within one site, and across sites where the app chooses headers', async (t) => {
  const apiDomain = 'http://api.example.com'
  t.same(await warningsOf(t, { appInfo: { apiDomain } }), [])
  t.same(await warningsOf(t, { appInfo: { apiDomain, origin: () => 'http://other.org' } }), [])
  const website = { origin: 'http://other.org', credentials: true, allowedHeaders: ALLOWED }
  const appInfo = { apiDomain, websiteDomain: website.origin }
  t.same(await warningsOf(t, { appInfo, getTokenTransferMethod: () => 'header' }, website), [])
})

test('one mistake is told once', async (t) => {
  const apiDomain = 'http://api.example.com'
  for (const [websiteDomain, more] of [
    ['https://example.com', { cookieSecure: true }],
    ['https://other.org', {}],
    ['http://other.org', { cookieSameSite: 'lax' }],
    ['http://other.org', { cookieSecure: true }]
  ] as const) {
    const website = { origin: websiteDomain, credentials: true, allowedHeaders: ALLOWED }
    const warnings = await warningsOf(
      t,
      { appInfo: { apiDomain, websiteDomain }, ...more },
      website
    )
    t.equal(warnings.length, 1, warnings.join('\n'))
  }
})

const bad: [warning: RegExp, options: SupersessionOptions][] = [
  [
    /cookieDomain example\.org does not contain/,
    { cookieDomain: 'example.org', olderCookieDomain: '' }
  ],
  [/olderCookieDomain is not/, { cookieDomain: 'localhost' }],
  [
    /browsers do not send the cookies/,
    {
      cookieSameSite: 'lax',
      appInfo: { apiDomain: 'https://api.example.com', websiteDomain: 'https://other.org' }
    }
  ],
  [
    /website http:\/\/example\.com is another site than the API https:\/\/example\.com/,
    {
      cookieSameSite: 'strict',
      appInfo: { apiDomain: 'https://example.com', websiteDomain: 'http://example.com' }
    }
  ],
  [
    /browsers block the requests/,
    { appInfo: { apiDomain: 'http://api.example.com', websiteDomain: 'https://example.com' } }
  ],
  [
    /cookieSecure is true and apiDomain is http:/,
    { cookieSecure: true, appInfo: { apiDomain: 'http://api.example.com' } }
  ],
  [
    /website http:\/\/localhost:8080 is another site than the API http:\/\/127\.0\.0\.1:3000, .* drop such/,
    { appInfo: { apiDomain: '127.0.0.1:3000', websiteDomain: 'localhost:8080' } }
  ],
  [
    /browsers drop such cookies; open both by one host name/,
    { appInfo: { apiDomain: 'app.localhost:3000', websiteDomain: 'localhost:3000' } }
  ],
  [
    /browsers drop such cookies/,
    { appInfo: { apiDomain: 'http://localhost:3000', websiteDomain: 'https://localhost:3000' } }
  ],
  [
    /browsers drop such cookies/,
    { appInfo: { apiDomain: 'http://10.0.0.5', websiteDomain: 'http://example.com' } }
  ],
  [
    /browsers block the requests/,
    { appInfo: { apiDomain: 'http://10.0.0.5', websiteDomain: 'https://example.com' } }
  ],
  [
    /cookieSecure is true and apiDomain is http:/,
    { cookieSecure: true, appInfo: { apiDomain: 'http://10.0.0.5' } }
  ],
  [
    /browsers do not send the cookies/,
    {
      cookieSameSite: 'lax',
      appInfo: { apiDomain: 'https://127.0.0.1', websiteDomain: 'https://localhost' }
    }
  ],
  [
    /cookieDomain localhost does not contain the API's host app\.localhost/,
    { cookieDomain: 'localhost', olderCookieDomain: '', appInfo: { apiDomain: 'app.localhost' } }
  ],
  [
    /logging in with cookies answers 500/,
    { appInfo: { apiDomain: 'http://api.example.com', websiteDomain: 'http://other.org' } }
  ]
]

for (const [warning, options] of bad) {
  test(`the app is warned: ${warning.source}`, async (t) => {
    const warnings = await warningsOf(t, options)
    t.equal(warnings.filter((text) => warning.test(text)).length, 1, warnings.join('\n'))
  })
}

const badCors: [warning: RegExp, options: FastifyCorsOptions | undefined][] = [
  [/does not let the website https:\/\/example\.com in/, undefined],
  [/does not let the website/, { origin: 'https://elsewhere.org', credentials: true }],
  [/allows no credentials/, { origin: 'https://example.com', allowedHeaders: ALLOWED }],
  [
    /does not allow the headers fdi-version, anti-csrf, st-auth-mode/,
    { origin: 'https://example.com', credentials: true, allowedHeaders: 'rid, Authorization' }
  ],
  [
    /does not allow the headers rid:/,
    {
      origin: 'https://example.com',
      credentials: true,
      allowedHeaders: ['x-grid', ...ALLOWED.filter((name) => name !== 'rid')]
    }
  ],
  [
    /does not allow the headers rid/,
    { origin: 'https://example.com', credentials: true, allowedHeaders: [] }
  ]
]

for (const [warning, options] of badCors) {
  test(`CORS is asked once the app listens: ${warning.source}`, async (t) => {
    const warnings = await warningsOf(t, { appInfo: SAME_SITE }, options)
    t.match(warnings, [warning])
    t.equal(warnings.length, 1)
  })
}

/** What an app warns of, declared by `declare`. */
async function warningsOfOrder(
  t: Test,
  declare: (app: FastifyInstance) => Promise<void>
): Promise<string[]> {
  const { app, warnings } = loggingApp(t)
  await declare(app)
  await app.ready()
  return warnings
}

const byHand = async (request: FastifyRequest) => (await request.verifySession()).userId

test('an app is warned of routes that come before the plugin, whose errors go another way', async (t) => {
  const warnings = await warningsOfOrder(t, async (app) => {
    app.get('/early', byHand)
    await app.register(supersession, FAST_KEYS)
    app.get('/late', byHand)
    const [early, late] = [await app.inject('/early'), await app.inject('/late')]
    t.equal(early.statusCode, 401, 'session errors say their status to any handler')
    t.not(early.body, late.body, 'but only the plugin writes the body that front ends know')
  })
  t.match(warnings, [/declared before this plugin.*register it before/])
  t.equal(warnings.length, 1)
})

test('so it is of routes in a scope that comes before the plugin', async (t) => {
  const warnings = await warningsOfOrder(t, async (app) => {
    await app.register(async (scope) => void scope.get('/early', byHand), { prefix: '/v1' })
    await app.register(supersession, FAST_KEYS)
  })
  t.match(warnings, [/declared before this plugin/])
})

test('routes may come before the plugin where the errors plugin was before them', async (t) => {
  const warnings = await warningsOfOrder(t, async (app) => {
    await app.register(errors)
    app.get('/early', byHand)
    await app.register(supersession, FAST_KEYS)
    t.equal((await app.inject('/early')).statusCode, 401)
  })
  t.same(warnings, [])
})

test('a scope with sessions is not warned of the routes of its neighbours', async (t) => {
  const warnings = await warningsOfOrder(t, async (app) => {
    app.get('/public', async () => 'everybody')
    await app.register(async (scope) => {
      await scope.register(supersession, FAST_KEYS)
      scope.get('/me', { preHandler: scope.verifySession() }, byHand)
    })
    t.equal((await app.inject('/me')).statusCode, 401)
  })
  t.same(warnings, [])
})

test('an app that never answers the preflight starts and stops as any other', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, appInfo: SAME_SITE })
  app.options('*', () => {})
  const listened = new Promise<void>((resolve) => {
    app.addHook('onListen', async () => resolve())
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  await listened
  t.ok(app.server.listening)
})

test('an app that breaks its replies off is not warned of CORS', async (t) => {
  let write = (_line: string) => {}
  const told = new Promise<{ level: number; msg: string }>((resolve) => {
    write = (line) => {
      if (line.includes('CORS')) resolve(JSON.parse(line))
    }
  })
  const app = Fastify({ logger: { level: 'debug', stream: { write } } })
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, appInfo: SAME_SITE })
  app.options('*', (_request, reply) => void reply.hijack().raw.destroy(new Error('gone')))
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.match(await told, { level: 20, msg: 'CORS could not be examined' })
})
