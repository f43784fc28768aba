import Fastify, {
  type FastifyReply,
  type FastifyRequest,
  type preHandlerHookHandler,
  type RouteHandler,
  type RouteShorthandOptions
} from 'fastify'
import { test } from 'tap'
import supersession, { OptionsError, UnauthorisedError } from '../../lib/index.ts'
import { addRoutes, buildApp, FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

for (const phase of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
  test(`a session can be verified in ${phase}`, async (t) => {
    const { app, clock } = await buildApp(t)
    app.post('/in', { [phase]: app.verifySession() }, async ({ session, body }) => ({
      userId: session.userId,
      body
    }))
    const client = new Client(app, 'header')
    t.equal((await client.post('/in', { a: 1 })).statusCode, 401)
    await client.login()
    t.same((await client.post('/in', { a: 1 })).json(), { userId: 'ada', body: { a: 1 } })
    clock.advance(3600)
    await client.refresh()
    const promoted = await client.post('/in', { a: 1 })
    t.equal(promoted.statusCode, 200, 'also where the store has to be asked')
    t.type(promoted.headers['st-access-token'], 'string')
  })
}

test('a hook for all routes skips no method, and lets unknown routes through', async (t) => {
  const { app } = await buildApp(t)
  await app.register(async (scope) => {
    scope.addHook('onRequest', scope.verifySession())
    const handler = async ({ session }: FastifyRequest) => ({ session })
    for (const method of ['OPTIONS', 'TRACE', 'GET'] as const)
      scope.route({ method, url: '/any', handler })
  })
  for (const method of ['OPTIONS', 'TRACE', 'GET'] as const)
    t.equal((await app.inject({ method: method as 'GET', url: '/any' })).statusCode, 401)

  const guarded = Fastify()
  t.teardown(() => guarded.close())
  await guarded.register(supersession, FAST_KEYS)
  guarded.addHook('onRequest', guarded.verifySession())
  t.equal((await guarded.inject('/nowhere')).statusCode, 404)
})

test('an optional session is null without tokens, and refused when it is expired', async (t) => {
  const { app, clock } = await buildApp(t)
  app.get(
    '/maybe',
    { preHandler: app.verifySession({ sessionRequired: false }) },
    async ({ session }) => ({ userId: session?.userId ?? null })
  )
  const client = new Client(app, 'cookie')
  t.same((await client.get('/maybe')).json(), { userId: null })
  await client.login()
  t.same((await client.get('/maybe')).json(), { userId: 'ada' })
  clock.advance(3600)
  t.same((await client.get('/maybe')).json(), { message: 'try refresh token' })
})

test('a hook that is not made, or is called by hand, says what to write', async (t) => {
  const { app } = await buildApp(t)
  const errors: Error[] = []
  app.addHook('onError', async (_request, _reply, error) => void errors.push(error))
  const unmade = app.verifySession as unknown as preHandlerHookHandler
  app.get('/unmade', { preHandler: unmade }, async () => ({}))
  app.get('/by-hand', async (request, reply) => {
    const hook = app.verifySession() as (request: FastifyRequest, reply: FastifyReply) => void
    hook(request, reply)
    return {}
  })
  t.equal((await app.inject('/unmade')).statusCode, 500)
  t.match(errors.at(-1)?.message, /write preHandler: app\.verifySession\(\)/)
  t.equal((await app.inject('/by-hand')).statusCode, 500)
  t.match(errors.at(-1)?.message, /await request\.verifySession\(\)/)
})

test('a hook that would keep no handler from running is refused when it is added', async (t) => {
  const { app } = await buildApp(t)
  const handler = async () => 'open'
  for (const name of ['prehandler', 'preHandlers', 'preSerialization', 'onSend', 'onResponse']) {
    const refused = { name: 'TypeError', message: new RegExp(`'${name}' of .*preHandler: app`) }
    for (const hooks of [app.verifySession(), [app.verifySession()]])
      t.throws(
        () => app.get(`/${name}`, { [name]: hooks } as RouteShorthandOptions, handler),
        refused
      )
    await app.register(async (scope) => {
      const addHook = scope.addHook.bind(scope) as (name: string, hook: unknown) => unknown
      t.throws(() => addHook(name, scope.verifySession()), refused)
    })
  }
  t.throws(() => app.get('/handler', app.verifySession() as unknown as RouteHandler))
})

test('request.verifySession verifies by hand and sets the session', async (t) => {
  const { app, clock } = await buildApp(t)
  app.get('/hand', async (request) => {
    const session = await request.verifySession()
    return { same: session === request.session, userId: session.userId }
  })
  app.get('/maybe', async (request) => {
    const session = await request.verifySession({ sessionRequired: false })
    return { session, property: request.session }
  })
  const client = new Client(app, 'header')
  t.equal((await client.get('/hand')).statusCode, 401)
  t.same((await client.get('/maybe')).json(), { session: null, property: null })
  await client.login()
  clock.advance(3600)
  await client.refresh()
  const reply = await client.get('/hand')
  t.same(reply.json(), { same: true, userId: 'ada' })
  t.type(reply.headers['st-access-token'], 'string', 'the new token reaches the client')
})

test('on the refresh path request.verifySession refreshes, whatever stands behind the path', async (t) => {
  const { app, clock } = await buildApp(t, {
    appInfo: { apiBasePath: '/api' },
    override: { apis: (original) => ({ ...original, refreshPOST: undefined }) }
  })
  for (const url of ['/api/session/refresh', '/api/session/refresh/', '/api/session/refresh/x'])
    app.post(url, async (request) => ({ userId: (await request.verifySession()).userId }))
  const client = new Client(app, 'header')
  await client.login()
  clock.advance(3600)
  for (const [end, status] of [
    ['', 200],
    ['/', 200],
    ['?x=1', 200],
    ['/?x=1', 200],
    ['/x', 401]
  ] as const) {
    const headers = { authorization: `Bearer ${client.refreshToken}` }
    const url = `/api/session/refresh${end}`
    t.equal((await app.inject({ method: 'POST', url, headers })).statusCode, status, url)
  }
})

test('app.sessions.get throws what the hook would pass on', async (t) => {
  const { app } = await buildApp(t)
  app.get('/', async (request: FastifyRequest, reply: FastifyReply) => {
    try {
      return await app.sessions.get(request, reply)
    } catch (error) {
      return { isUnauthorised: error instanceof UnauthorisedError }
    }
  })
  t.same((await app.inject('/')).json(), { isUnauthorised: true })
})

test('with checkDatabase a revoked session ends at once', async (t) => {
  const { app } = await buildApp(t, { revocationInterval: 0 })
  app.get('/checked', { preHandler: app.verifySession({ checkDatabase: true }) }, async () => 'ok')
  const client = new Client(app, 'cookie')
  const { handle } = (await client.login()).json()
  t.equal((await client.get('/checked')).statusCode, 200)
  t.ok(await app.sessions.revoke(handle))
  t.equal((await client.get('/me')).statusCode, 200, 'elsewhere with its access token')
  const gone = await client.get('/checked')
  t.same(gone.json(), { message: 'unauthorised' })
  t.equal(gone.headers['front-token'], 'remove')
})

test('an unconfirmed access token of a revoked session is unauthorised', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'header')
  const { handle } = (await client.login()).json()
  await client.refresh()
  await app.sessions.revoke(handle)
  const gone = await client.get('/me')
  t.same(gone.json(), { message: 'unauthorised' })
  t.equal(gone.headers['front-token'], 'remove')
})

test('an access token whose branch was left behind asks for a refresh, which heals it', async (t) => {
  const { app, clock } = await buildApp(t)
  const client = new Client(app, 'header')
  await client.login()
  const straggler = client.copy()
  await straggler.refresh()
  clock.advance(31)
  await client.refresh()
  await client.get('/me')
  t.same((await straggler.get('/me')).json(), { message: 'try refresh token' })
  t.equal((await straggler.refresh()).statusCode, 200)
  t.equal((await straggler.get('/me')).statusCode, 200)
})

test('the claims of a session are checked on the token that was just renewed, which is sent with a 403 too', async (t) => {
  const { app } = await buildApp(t)
  const validator = {
    id: 'plan',
    validate: (payload: Record<string, unknown>) =>
      payload['plan'] === 'pro' ? ({ isValid: true } as const) : ({ isValid: false } as const)
  }
  app.get(
    '/pro',
    { preHandler: app.verifySession({ overrideGlobalClaimValidators: () => [validator] }) },
    async () => 'ok'
  )
  const client = new Client(app, 'header')
  const { handle } = (await client.login()).json()
  await client.refresh()
  const refused = await client.get('/pro')
  t.equal(refused.statusCode, 403)
  t.type(refused.headers['st-access-token'], 'string')
  await app.sessions.mergePayload(handle, { plan: 'pro' })
  await client.refresh()
  t.equal((await client.get('/pro')).statusCode, 200)
})

test('a not-found handler verifies by hand', async (t) => {
  const { app } = await buildApp(t)
  await app.register(
    async (scope) => {
      scope.setNotFoundHandler(async (request, reply) => {
        const { userId } = await request.verifySession()
        return reply.code(404).send({ userId })
      })
    },
    { prefix: '/private' }
  )
  const client = new Client(app, 'header')
  t.equal((await client.get('/private/x')).statusCode, 401)
  await client.login()
  const reply = await client.get('/private/x')
  t.equal(reply.statusCode, 404)
  t.same(reply.json(), { userId: 'ada' })
})

const wrongOptions: readonly object[] = [
  { required: true },
  { checkDatabase: 1 },
  { sessionRequired: null },
  { antiCsrfCheck: 'true' },
  { overrideGlobalClaimValidators: [] }
]
for (const options of wrongOptions)
  test(`${JSON.stringify(options)} is refused where the route is declared, and by hand`, async (t) => {
    const { app } = await buildApp(t)
    t.throws(() => app.verifySession(options), OptionsError)
    app.get('/by-hand', async (request) => request.verifySession(options))
    const client = new Client(app, 'header')
    await client.login()
    t.equal((await client.get('/by-hand')).statusCode, 500)
  })

const throwers: Readonly<Record<string, (thrown: unknown) => unknown>> = {
  'at once'(thrown) {
    throw thrown
  },
  'later on'(thrown) {
    return Promise.reject(thrown)
  }
}
for (const [when, fail] of Object.entries(throwers))
  for (const thrown of [undefined, null, '', 0])
    test(`whoever throws ${JSON.stringify(thrown)} ${when} lets nobody pass`, async (t) => {
      let ran = 0
      const { app } = await buildApp(t)
      const overrideGlobalClaimValidators = () => fail(thrown) as never
      const onRequest = app.verifySession({ overrideGlobalClaimValidators })
      app.get('/guarded', { onRequest }, async () => ++ran)
      const client = new Client(app, 'cookie')
      await client.login()
      t.equal((await client.get('/guarded')).statusCode, 500)
      t.equal(ran, 0)
    })

test('the property can be renamed, and a name that is taken is refused', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('session', null as never)
  await t.rejects(async () => app.register(supersession, FAST_KEYS), /'requestProperty'.*taken/)

  const other = Fastify()
  t.teardown(() => other.close())
  other.decorateRequest('session', null as never)
  await other.register(supersession, { ...FAST_KEYS, requestProperty: 'login' })
  addRoutes(other)
  other.get('/renamed', { preHandler: other.verifySession() }, async (request) => ({
    login: (request as unknown as { login: { userId: string } }).login.userId,
    session: request.session
  }))
  const client = new Client(other, 'header')
  await client.login()
  t.same((await client.get('/renamed')).json(), { login: 'ada', session: null })
})
