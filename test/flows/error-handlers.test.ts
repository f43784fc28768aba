import Fastify from 'fastify'
import { test } from 'tap'
import supersession, { HTTPException, on } from '../../lib/index.ts'
import { addRoutes, buildApp, FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

const failing = { id: 'plan', validate: () => ({ isValid: false, reason: { wanted: 'pro' } }) }

test('each error handler answers its error and the others keep their defaults', async (t) => {
  const { app, clock } = await buildApp(t, {
    errorHandlers: {
      onUnauthorised: (message, request, reply) =>
        reply.code(401).send({ error_msg: 'unauthorised', message, url: request.url }),
      onTryRefreshToken: (_message, _request, reply) =>
        reply.code(401).send({ error_msg: 'try refresh token' }),
      onInvalidClaim: (claimErrors, _request, reply) => reply.code(403).send({ claimErrors })
    }
  })
  app.get(
    '/pro',
    { preHandler: app.verifySession({ overrideGlobalClaimValidators: () => [failing] }) },
    async () => 'never'
  )
  const client = new Client(app, 'cookie')
  const nobody = await client.get('/me')
  t.equal(nobody.statusCode, 401)
  t.match(nobody.json(), { error_msg: 'unauthorised', url: '/me' })

  await client.login()
  const claims = await client.get('/pro')
  t.equal(claims.statusCode, 403)
  t.same(claims.json(), { claimErrors: [{ id: 'plan', reason: { wanted: 'pro' } }] })

  clock.advance(3600)
  const expired = await client.get('/me')
  t.same(expired.json(), { error_msg: 'try refresh token' })
})

test('a claim that fails is 403 with the errors of all failing validators', async (t) => {
  const { app } = await buildApp(t)
  const validators = [
    { id: 'sync', validate: () => ({ isValid: true }) as const },
    { id: 'async', validate: async () => ({ isValid: false }) as const },
    failing
  ]
  app.get(
    '/pro',
    { preHandler: app.verifySession({ overrideGlobalClaimValidators: async () => validators }) },
    async () => 'never'
  )
  const client = new Client(app, 'header')
  await client.login()
  const reply = await client.get('/pro')
  t.equal(reply.statusCode, 403)
  t.same(reply.json(), {
    message: 'invalid claim',
    claimValidationErrors: [{ id: 'async' }, { id: 'plan', reason: { wanted: 'pro' } }]
  })
  t.equal(reply.headers['front-token'], undefined, 'no token is taken away')
})

test('exceptions and session errors of one app go through one registry', async (t) => {
  class UnicornError extends Error {}
  const { app } = await buildApp(t, {
    exceptionHandlers: [
      on(UnicornError, (error, _request, reply) => reply.code(418).send({ oops: error.message })),
      on(404, (_error, _request, reply) => reply.code(404).send({ nothing: true })),
      on('UNAUTHORISED', (_error, _request, reply) => reply.code(401).send({ who: 'are you' }))
    ]
  })
  app.get('/unicorn', async () => {
    throw new UnicornError('yolo')
  })
  app.get('/items', async () => {
    throw new HTTPException(409, 'Item not free', { headers: { 'x-error': 'e' } })
  })
  const unicorn = await app.inject('/unicorn')
  t.equal(unicorn.statusCode, 418)
  t.same(unicorn.json(), { oops: 'yolo' })
  t.same((await app.inject('/nowhere')).json(), { nothing: true })
  t.same((await app.inject('/me')).json(), { who: 'are you' })
  const item = await app.inject('/items')
  t.equal(item.statusCode, 409)
  t.equal(item.headers['x-error'], 'e')
  t.same(item.json(), { detail: 'Item not free' })
})

test('two scopes with a registration each share nothing', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  for (const name of ['a', 'b']) {
    await app.register(
      async (scope) => {
        await scope.register(supersession, {
          ...FAST_KEYS,
          errorHandlers: { onUnauthorised: (_m, _r, reply) => reply.code(401).send({ in: name }) }
        })
        addRoutes(scope)
      },
      { prefix: `/${name}` }
    )
  }
  const client = new Client(app, 'header', '/a/auth')
  t.equal((await client.login('ada', {}, '/a/login')).statusCode, 200)
  t.equal((await client.get('/a/me')).statusCode, 200)
  t.equal((await client.get('/b/me')).statusCode, 401, 'the keys differ')
  t.same((await app.inject('/b/me')).json(), { in: 'b' })
  t.same((await app.inject('/a/me')).json(), { in: 'a' })
  t.equal((await client.refresh()).statusCode, 200, 'the routes stand under the prefix')
  const cookies = (await new Client(app, 'cookie').login('bob', {}, '/b/login')).cookies
  t.same(
    cookies.map(({ name, path }) => [name, path]),
    [
      ['sAccessToken', '/b'],
      ['sRefreshToken', '/b/auth/session/refresh']
    ]
  )
})

test('two apps in one process share nothing', async (t) => {
  const [one, two] = [await buildApp(t), await buildApp(t)]
  const client = new Client(one.app, 'header')
  await client.login()
  const { accessToken, refreshToken } = client
  const elsewhere = Object.assign(new Client(two.app, 'header'), { accessToken, refreshToken })
  t.equal((await elsewhere.get('/me')).statusCode, 401)
  t.same((await elsewhere.refresh()).json(), { message: 'unauthorised' })
  t.equal((await client.get('/me')).statusCode, 200)
})
