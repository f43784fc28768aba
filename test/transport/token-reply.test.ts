import fastifyCookie from '@fastify/cookie'
import Fastify, { type FastifyInstance } from 'fastify'
import { test } from 'tap'
import supersession from '../../lib/index.ts'
import { buildApp, FAST_KEYS } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'
import { logLines } from '../builders/log-lines.ts'
import { signal } from '../builders/signal.ts'

test('a reply carries the tokens of the session that was created last', async (t) => {
  for (const method of ['cookie', 'header'] as const) {
    const { app } = await buildApp(t)
    app.post('/switch', { preHandler: app.verifySession() }, async (request, reply) => {
      const old = request.session
      await app.sessions.create(request, reply, { userId: 'bob', keepOldSession: true })
      await old.mergePayload({ plan: 'pro' })
      await old.revoke()
      return {}
    })
    const client = new Client(app, method)
    await client.login()
    const reply = await client.post('/switch')
    t.equal(payloadOf(client.accessToken)['sub'], 'bob', method)
    t.equal(payloadOf(client.accessToken)['plan'], undefined, method)
    t.equal((await client.refresh()).statusCode, 200, 'the refresh token is of the same session')
    t.not(reply.headers['front-token'], 'remove')
    const names = reply.cookies.map(({ name }) => name)
    t.equal(new Set(names).size, names.length, 'no cookie is set twice')
  }
})

test('a session that is created after another was revoked is handed out', async (t) => {
  const { app } = await buildApp(t)
  app.post('/again', { preHandler: app.verifySession() }, async (request, reply) => {
    await request.session.revoke()
    await app.sessions.create(request, reply, { userId: 'bob' })
    return {}
  })
  const client = new Client(app, 'cookie')
  await client.login()
  const reply = await client.post('/again')
  t.equal(payloadOf(client.accessToken)['sub'], 'bob')
  t.equal(reply.cookies.length, 2)
})

test('claims that change after a login go out with both tokens', async (t) => {
  const { app } = await buildApp(t)
  app.post('/login-pro', async (request, reply) => {
    const session = await app.sessions.create(request, reply, { userId: 'ada' })
    await session.mergePayload({ plan: 'pro' })
    return {}
  })
  const client = new Client(app, 'cookie')
  const reply = await client.post('/login-pro')
  t.equal(payloadOf(client.accessToken)['plan'], 'pro')
  t.same(
    reply.cookies.map(({ name }) => name),
    ['sAccessToken', 'sRefreshToken']
  )
})

test('a late reply does not bring back a session that was ended meanwhile', async (t) => {
  for (const method of ['cookie', 'header'] as const) {
    const { app } = await buildApp(t)
    const [begun, ended] = [signal(), signal()]
    app.get('/slow', { preHandler: app.verifySession() }, async () => {
      begun.give()
      await ended.promise
      return {}
    })
    const client = new Client(app, method)
    await client.login()
    await client.refresh()
    const slow = client.copy()
    const reply = slow.get('/slow')
    await begun.promise
    t.equal((await client.post('/auth/signout')).statusCode, 200)
    ended.give()
    const { statusCode, headers, cookies } = await reply
    t.equal(statusCode, 200)
    t.equal(headers['st-access-token'], undefined)
    t.equal(headers['front-token'], undefined)
    t.same(cookies, [])
  }
})

test('whatever carries or clears tokens is stored by nobody', async (t) => {
  for (const method of ['cookie', 'header'] as const) {
    const { app } = await buildApp(t)
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('cache-control', 'public, max-age=60')
      reply.header('cdn-cache-control', 'max-age=60')
      reply.raw.setHeader('surrogate-control', 'max-age=60')
    })
    app.get('/public', { preHandler: app.verifySession() }, async () => ({}))
    const client = new Client(app, method)
    t.equal((await client.login()).headers['cache-control'], 'no-store')
    t.equal((await client.refresh()).headers['cache-control'], 'no-store')
    const isForCDNs = ({ headers }: Awaited<ReturnType<typeof client.get>>) =>
      'cdn-cache-control' in headers || 'surrogate-control' in headers
    const firstUse = await client.get('/public')
    t.equal(firstUse.headers['cache-control'], 'no-store', 'the first use')
    t.notOk(isForCDNs(firstUse))
    const later = await client.get('/public')
    t.equal(later.headers['cache-control'], 'public, max-age=60')
    t.ok(isForCDNs(later))
    t.equal((await client.post('/auth/signout')).headers['cache-control'], 'no-store')
  }
})

test('tokens that change in an onSend hook of the app go out whole', async (t) => {
  for (const method of ['cookie', 'header'] as const) {
    const { app } = await buildApp(t)
    app.post('/late-login', {
      onSend: async (request, reply) => {
        await app.sessions.create(request, reply, { userId: 'ada' })
      },
      handler: async () => ({})
    })
    const client = new Client(app, method)
    await client.post('/late-login')
    t.equal((await client.get('/me')).statusCode, 200)
    t.equal((await client.refresh()).statusCode, 200)
  }
})

test('tokens of a hijacked reply are logged as lost', async (t) => {
  const { lines, logger } = logLines()
  const { app } = await buildApp(t, {}, { logger })
  app.post('/hijacked', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    reply.hijack()
    reply.raw.end('{}')
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const reply = await fetch(`${origin}/hijacked`, { method: 'POST' })
  t.equal(await reply.text(), '{}')
  // The request closes just after its reply; the next one comes after that.
  await fetch(`${origin}/hijacked`, { method: 'POST' })
  t.ok(lines.some((line) => line.includes('after the reply was sent')))
})

test('a client that hangs up before its reply is no case for the log', async (t) => {
  const { lines, logger } = logLines()
  const { app } = await buildApp(t, {}, { logger })
  const closed = signal()
  const abort = new AbortController()
  app.post('/aborted', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    request.raw.once('close', closed.give)
    abort.abort()
    await closed.promise
    return {}
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  await t.rejects(fetch(`${origin}/aborted`, { method: 'POST', signal: abort.signal }))
  await closed.promise
  t.notOk(lines.some((line) => line.includes('after the reply was sent')))
})

for (const hook of [undefined, false, 'preHandler'] as const) {
  test(`@fastify/cookie works beside the plugin, before or after it, with hook ${hook}`, async (t) => {
    const { app } = await buildApp(t)
    await app.register(fastifyCookie, { ...(hook !== undefined && { hook }) })
    app.post('/with-cookie', async (request, reply) => {
      reply.setCookie('own', '1', { path: '/' })
      await app.sessions.create(request, reply, { userId: 'ada' })
      return { own: request.cookies?.['own'] ?? null }
    })
    const reply = await app.inject({
      method: 'POST',
      url: '/with-cookie',
      headers: { 'st-auth-mode': 'cookie', cookie: 'own=2' }
    })
    t.same(reply.cookies.map(({ name }) => name).sort(), ['own', 'sAccessToken', 'sRefreshToken'])
    if (hook !== false) t.same(reply.json(), { own: '2' })
  })
}

test('a request of another scope makes no session, and loses it nothing', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const scopes: FastifyInstance[] = []
  for (const name of ['a', 'b'])
    await app.register(async (scope) => {
      await scope.register(supersession, {
        ...FAST_KEYS,
        cookiePrefix: `${name}-`,
        appInfo: { apiBasePath: `/${name}` }
      })
      scopes.push(scope)
      scope.post(`/${name}/own`, async (request, reply) => {
        await scope.sessions.create(request, reply, { userId: 'bob', transferMethod: 'cookie' })
        const other = scopes.find((one) => one !== scope) as FastifyInstance
        const ada = { userId: 'ada' }
        return other.sessions.create(request, reply, ada).then(
          () => 'created',
          ({ message }: Error) => message
        )
      })
    })
  const [first] = scopes as [FastifyInstance]
  app.post('/outside', async (request, reply) =>
    first.sessions.create(request, reply, { userId: 'ada' })
  )
  app.post('/outside/revoke', async (request, reply) => {
    const session = await first.sessions.get(request, reply)
    await session?.revoke()
    return 'revoked'
  })
  for (const name of ['a', 'b']) {
    const own = await app.inject({ method: 'POST', url: `/${name}/own` })
    t.match(own.body, /of the scope that registers the plugin/)
    const names = own.cookies.map((cookie) => cookie.name)
    t.same(names, [`${name}-sAccessToken`, `${name}-sRefreshToken`])
  }
  t.equal((await app.inject({ method: 'POST', url: '/outside' })).statusCode, 500)
  const { accessToken, session } = await first.sessions.issue({ userId: 'eve' })
  const headers = { authorization: `Bearer ${accessToken}` }
  const revoked = await app.inject({ method: 'POST', url: '/outside/revoke', headers })
  t.equal(revoked.body, 'revoked')
  t.equal(await first.sessions.info(session.handle), null)
  for (const scope of scopes) t.same(await scope.sessions.list('ada'), [])
})
