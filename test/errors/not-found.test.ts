import Fastify, { type FastifyServerOptions } from 'fastify'
import { test } from 'tap'
import errors, { HTTPException, notFoundHandler } from '../../lib/errors/index.ts'
import supersession from '../../lib/index.ts'
import { errorApp } from './error-app.ts'

test('an unknown path is a 404 that does not repeat the URL', async (t) => {
  const { app } = await errorApp(t)
  const reply = await app.inject('/nope?q=secret')
  t.equal(reply.statusCode, 404)
  t.equal(reply.body, '{"detail":"Not Found"}')
})

test('handlers of 404 and of HTTPException see it', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(404, () => 'where?')
  t.equal((await app.inject('/nope')).body, 'where?')
})

test('a known path with another method is a 405 that lists the methods', async (t) => {
  const { app } = await errorApp(t, {}, { routerOptions: { ignoreTrailingSlash: true } })
  app.get('/a/:id', async () => 'ok')
  app.put('/a/:id', async () => 'ok')
  app.route({ method: ['POST', 'DELETE'], url: '/b', handler: async () => 'ok' })
  const reply = await app.inject({ method: 'POST', url: '/a/1?q=1' })
  t.equal(reply.statusCode, 405)
  t.equal(reply.body, '{"detail":"Method Not Allowed"}')
  t.equal(reply.headers['allow'], 'GET, HEAD, PUT')
  const slash = await app.inject({ method: 'PUT', url: '/b/' })
  t.equal(slash.headers['allow'], 'DELETE, POST')
  t.equal((await app.inject({ method: 'POST', url: '/c' })).statusCode, 404)
})

test('it is a 404 where the option is off', async (t) => {
  for (const options of [{ methodNotAllowed: false }, { notFound: false }]) {
    const { app } = await errorApp(t, options)
    app.get('/a', async () => 'ok')
    t.equal((await app.inject({ method: 'POST', url: '/a' })).statusCode, 404)
  }
})

test('a path that answers only OPTIONS, as CORS plugins make of every path, is a 404', async (t) => {
  const { app } = await errorApp(t)
  app.options('*', async () => 'ok')
  app.get('/a', async () => 'ok')
  t.equal((await app.inject('/nope')).statusCode, 404)
  const reply = await app.inject({ method: 'POST', url: '/a' })
  t.equal(reply.statusCode, 405)
  t.equal(reply.headers['allow'], 'GET, HEAD, OPTIONS')
})

test('routes declared before the plugin are unknown to it and stay 404', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/early', async () => 'ok')
  await app.register(errors)
  t.equal((await app.inject({ method: 'POST', url: '/early' })).statusCode, 404)
})

test('reply.callNotFound() in a route is a 404', async (t) => {
  const { app } = await errorApp(t)
  app.get('/a', (_request, reply) => reply.callNotFound())
  const reply = await app.inject('/a')
  t.equal(reply.statusCode, 404)
  t.equal(reply.body, '{"detail":"Not Found"}')
})

test('a child with a not-found handler of its own resolves with its own handlers', async (t) => {
  const { app } = await errorApp(t)
  await app.register(
    async (child) => {
      child.setExceptionHandler(404, (error) => ({ child: error.detail }))
      child.setNotFoundHandler(() => {
        throw new HTTPException(404, 'c')
      })
    },
    { prefix: '/v1' }
  )
  t.same((await app.inject('/v1/nope')).json(), { child: 'c' })
  t.same((await app.inject('/nope')).json(), { detail: 'Not Found' })
})

test('a not-found handler that is there already stays in charge', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.setNotFoundHandler(() => 'mine')
  await app.register(errors)
  t.equal((await app.inject('/nope')).body, 'mine')
})

test('with notFound off the app sets its own, and may use ours', async (t) => {
  const { app } = await errorApp(t, { notFound: false })
  app.setNotFoundHandler((request, reply) => notFoundHandler(request, reply))
  t.equal((await app.inject('/nope')).body, '{"detail":"Not Found"}')
})

test('the not-found handler works without the plugin', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.setNotFoundHandler(notFoundHandler)
  t.equal((await app.inject('/nope')).statusCode, 404)
})

test('an unknown path is a 404 also where every request needs a session', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession)
  app.addHook('onRequest', app.verifySession())
  app.get('/me', async () => t.fail('must not run'))
  t.equal((await app.inject('/nope')).statusCode, 404)
  t.equal((await app.inject('/me')).statusCode, 401)
})

test('a not-found handler that is no function is Fastify’s to refuse', async (t) => {
  const { app } = await errorApp(t)
  t.throws(() => app.setNotFoundHandler(undefined as never), /Not found handler already set/)
})

test('paths that differ by constraints, case or a slash alone are known as one', async (t) => {
  const customStrategy = {
    name: 'tenant',
    storage: () => new Map() as never,
    validate: () => true,
    deriveConstraint: (request: { headers: Record<string, unknown> }) => request.headers['x-tenant']
  }
  const { app } = await errorApp(t, {}, {
    routerOptions: {
      caseSensitive: false,
      ignoreTrailingSlash: true,
      constraints: { tenant: customStrategy }
    }
  } as FastifyServerOptions)
  const ok = async () => 'ok'
  app.get('/users/:id', { constraints: { version: '1.0.0' } }, ok)
  app.get('/users/:userId', { constraints: { version: '2.0.0' } }, ok)
  app.put('/Foo', ok)
  app.get('/files/*', { constraints: { tenant: 'a' } }, ok)
  for (const [url, allow] of [
    ['/users/5', 'GET, HEAD'],
    ['/foo/', 'PUT']
  ] as const) {
    const reply = await app.inject({ method: 'POST', url })
    t.equal(reply.statusCode, 405, url)
    t.equal(reply.headers['allow'], allow)
  }
  t.equal((await app.inject('/nowhere')).statusCode, 404)
  const headers = { 'x-tenant': 'b' }
  const other = await app.inject({ method: 'POST', url: '/files/x', headers })
  t.equal(other.statusCode, 404, 'a path of somebody else is not told of')
})
