import fastifyCookie from '@fastify/cookie'
import Fastify from 'fastify'
import { test } from 'tap'
import errors from '../lib/errors/index.ts'
import supersession, { memoryStore, type SessionStore } from '../lib/index.ts'
import { addRoutes, buildApp, FAST_KEYS } from './builders/app.ts'
import { Client } from './builders/client.ts'
import { logLines } from './builders/log-lines.ts'

/** Collects what an app logs. */
test('app.register(supersession) alone works, with RS256 and every default', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession)
  addRoutes(app)
  const client = new Client(app, 'cookie')
  t.same((await client.get('/me')).json(), { message: 'unauthorised' })
  t.equal((await client.login()).statusCode, 200)
  t.match((await client.get('/me')).json(), { userId: 'ada' })
  const jwks = (await app.inject('/auth/jwt/jwks.json')).json()
  t.same(
    jwks.keys.map(({ alg }: { alg: string }) => alg),
    ['RS256']
  )
})

test('a signing key that was stored with another secret is passed over, and the log names it', async (t) => {
  const store = memoryStore()
  await buildApp(t, { store, secret: 'a'.repeat(32) })
  const { lines, logger } = logLines()
  await buildApp(t, { store, secret: 'b'.repeat(32) }, { logger })
  t.match(
    lines.find((line) => line.includes('cannot be read')),
    /"kid":"d-/
  )
})

test('a second registration in or below a scope is refused', async (t) => {
  const { app } = await buildApp(t)
  await t.rejects(async () => app.register(supersession, FAST_KEYS), /registered already/)
  const other = Fastify()
  t.teardown(() => other.close())
  await other.register(supersession, FAST_KEYS)
  await t.rejects(
    async () => other.register(async (scope) => void (await scope.register(supersession))),
    /side by side/
  )
})

test('the errors plugin may be registered first', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(errors, { compat: 'fastify' })
  await app.register(supersession, FAST_KEYS)
  addRoutes(app)
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh' })
  t.same(reply.json(), { message: 'unauthorised' })
  t.equal(reply.headers['front-token'], 'remove')
  t.match((await app.inject('/nowhere')).json(), { statusCode: 404 })
})

test('an app that has @fastify/cookie keeps it', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifyCookie)
  await app.register(supersession, FAST_KEYS)
  addRoutes(app)
  app.get('/cookies', async (request, reply) => reply.setCookie('own', '1').send(request.cookies))
  const client = new Client(app, 'cookie')
  await client.login()
  const reply = await client.get('/cookies')
  t.equal(reply.json().sAccessToken, client.accessToken)
  t.match(reply.headers['set-cookie'], /^own=1/)
})

test('closing the app closes the store', async (t) => {
  let closed = 0
  const store = Object.assign(memoryStore(), { close: () => void closed++ })
  const { app } = await buildApp(t, { store })
  await app.close()
  t.equal(closed, 1)
})

test('what is fit for development alone is warned of in production', async (t) => {
  const before = process.env['NODE_ENV']
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  const [MEMORY, LOCAL] = [
    'kept in memory',
    'apiDomain is http://localhost:3000: cookies and access'
  ]
  for (const [environment, options, expected] of [
    ['production', {}, [MEMORY, LOCAL]],
    ['production', { store: memoryStore() }, [LOCAL]],
    ['production', { appInfo: { apiDomain: 'https://api.example.com' } }, [MEMORY]],
    ['production', { appInfo: { apiDomain: 'http://api.intranet' } }, [MEMORY]],
    ['development', {}, []]
  ] as const) {
    process.env['NODE_ENV'] = environment
    const { lines, logger } = logLines()
    await buildApp(t, options, { logger })
    const found = [MEMORY, LOCAL].filter((text) => lines.some((line) => line.includes(text)))
    t.same(found, expected)
  }
})

test('tokens that change after the reply was sent are logged, and nothing breaks', async (t) => {
  const { lines, logger } = logLines()
  const { app } = await buildApp(t, {}, { logger })
  const revoked = new Promise<void>((resolve, reject) => {
    app.get('/late', { preHandler: app.verifySession() }, async ({ session }, reply) => {
      reply.raw.once('finish', () => session.revoke().then(resolve, reject))
      return {}
    })
  })
  const client = new Client(app, 'header')
  await client.login()
  t.equal((await client.get('/late')).statusCode, 200)
  await revoked
  t.ok(lines.some((line) => line.includes('after the reply was sent')))
})

test('no token, hash, key or secret stands in a log line or an error body', async (t) => {
  const { lines, logger } = logLines()
  const secret = 'a secret that must never be logged!!'
  const { app, clock } = await buildApp(t, { secret }, { logger })
  const client = new Client(app, 'cookie')
  const bodies: string[] = []
  await client.login('ada@example.com')
  const secrets = new Set<string>([secret])
  const note = () => {
    for (const token of [client.accessToken, client.refreshToken]) if (token) secrets.add(token)
  }
  note()
  const thief = client.copy()
  await client.refresh()
  note()
  await client.get('/me')
  note()
  clock.advance(3600)
  bodies.push((await client.get('/me')).body, (await thief.refresh()).body)
  bodies.push((await client.refresh()).body, (await client.get('/me')).body)
  const written = [...lines, ...bodies].join('\n')
  for (const text of secrets) {
    t.notOk(written.includes(text), 'the whole')
    for (const part of text.split('.')) t.notOk(part.length > 8 && written.includes(part), 'a part')
  }
  t.notMatch(written, /ada@example\.com/, 'nor a personal datum')
  t.ok(lines.length > 10)
})

test('a store that outlives the process wants a secret, and in production it insists', async (t) => {
  const before = process.env['NODE_ENV']
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  const secret = 'a secret of thirty-two bytes or more'
  const durable = (): SessionStore => {
    const store = memoryStore()
    // A store of another class.
    return new Proxy({} as SessionStore, {
      get: (_target, name: keyof SessionStore) => store[name]?.bind(store)
    })
  }
  process.env['NODE_ENV'] = 'production'
  await t.rejects(buildApp(t, { store: durable() }), { option: 'secret', message: /in clear/ })
  await t.resolves(buildApp(t, { store: durable(), secret }))
  await t.resolves(buildApp(t, { store: memoryStore() }))
  process.env['NODE_ENV'] = 'development'
  const lines: string[] = []
  const logger = { level: 'warn', stream: { write: (line: string) => void lines.push(line) } }
  const app = Fastify({ logger })
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, store: durable() })
  t.match(lines, [/there is no secret: .*in clear/], 'elsewhere it is warned of')
})

test('a store that registrations share is closed with the last of them', async (t) => {
  let closed = 0
  const store = Object.assign(memoryStore(), { close: () => void closed++ })
  const [one, two] = [Fastify(), Fastify()]
  for (const app of [one, two]) await app.register(supersession, { ...FAST_KEYS, store })
  await one.close()
  t.equal(closed, 0)
  const { session } = await two.sessions.issue({ userId: 'ada' })
  t.equal((await two.sessions.info(session.handle))?.userId, 'ada')
  await two.close()
  t.equal(closed, 1)
})
