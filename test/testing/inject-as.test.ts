import Fastify, { type FastifyInstance } from 'fastify'
import { test } from 'tap'
import supersession, { PrimitiveClaim } from '../../lib/index.ts'
import { injectAs, TestClock } from '../../lib/testing/index.ts'
import { buildApp, FAST_KEYS } from '../builders/app.ts'

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => undefined })

test('a request is made as a user, by any method and in any mode', async (t) => {
  for (const method of ['cookie', 'header', 'any'] as const) {
    for (const antiCsrf of ['VIA_TOKEN', 'VIA_CUSTOM_HEADER', 'NONE'] as const) {
      const { app } = await buildApp(t, { antiCsrf, getTokenTransferMethod: () => method })
      const inject = await injectAs(app, 'ada')
      t.equal((await inject('/me')).json().userId, 'ada', `${method} ${antiCsrf}`)
      const post = await inject({ method: 'POST', url: '/me', headers: { 'x-own': '1' } })
      t.equal(post.statusCode, 200, `${method} ${antiCsrf}`)
    }
  }
})

test('the session has the claims and data that it is given', async (t) => {
  const { app } = await buildApp(t)
  const inject = await injectAs(app, 'ada', {
    payload: { team: 'red' },
    claims: [[plan, 'pro']],
    sessionData: { seen: 5 },
    tenantId: 't1'
  })
  t.equal(inject.session.payload['team'], 'red')
  t.equal(inject.session.getClaim(plan), 'pro')
  t.equal(inject.session.tenantId, 't1')
  t.same(await inject.session.getData(), { seen: 5 })
})

test('a login may lie some time back', async (t) => {
  const { app, clock } = await buildApp(t)
  const before = clock.nowMs
  const young = await injectAs(app, 'ada', { age: 3599, clock })
  const old = await injectAs(app, 'ada', { age: 3600, clock, claims: [[plan, 'pro']] })
  t.equal(clock.nowMs, before)
  t.equal((await young('/me')).statusCode, 200)
  t.same((await old('/me')).json(), { message: 'try refresh token' })
  t.equal(plan.fetchedAt(old.session.payload), before - 3_600_000)
  await t.rejects(injectAs(app, 'ada', { age: 5 }), /needs the clock/)
})

for (const method of ['cookie', 'header'] as const) {
  test(`by ${method}: a token that a reply brings is taken over`, async (t) => {
    const { app } = await buildApp(t, {
      getTokenTransferMethod: () => method,
      revocationInterval: 0
    })
    app.post('/upgrade', { preHandler: app.verifySession() }, async ({ session }) => {
      await session.mergePayload({ team: 'blue' })
      return {}
    })
    app.get('/team', { preHandler: app.verifySession() }, async ({ session }) => session.payload)
    const inject = await injectAs(app, 'ada')
    await inject({ method: 'POST', url: '/upgrade' })
    t.equal((await inject('/team')).json().team, 'blue')
    await inject({ method: 'POST', url: '/auth/signout' })
    t.equal((await inject('/me')).statusCode, 200, 'what is cleared is kept: it is the test’s')
  })
}

test('a login that fails leaves the clock as it was', async (t) => {
  const { app, clock } = await buildApp(t)
  const before = clock.nowMs
  await t.rejects(injectAs(app, '', { age: 60, clock }), /userId must be/)
  t.equal(clock.nowMs, before)
})

test('cookies of the request itself stand beside the session, and its headers go first', async (t) => {
  const { app } = await buildApp(t, { getTokenTransferMethod: () => 'cookie' })
  app.get('/cookies', { preHandler: app.verifySession() }, async ({ headers }) => headers.cookie)
  const inject = await injectAs(app, 'ada')
  const headers = { cookie: 'theme=dark' }
  const reply = await inject({ url: '/cookies', headers, cookies: { language: 'en' } })
  t.match(reply.body, /^theme=dark; sAccessToken=[\w.-]+; language=en$/)
  const stranger = await inject({ url: '/me', cookies: { sAccessToken: 'none' } })
  t.equal(stranger.statusCode, 401)
})

test('after a login of its own a request is that of the new user, anti-CSRF token included', async (t) => {
  const { app } = await buildApp(t, {
    antiCsrf: 'VIA_TOKEN',
    getTokenTransferMethod: () => 'cookie'
  })
  const inject = await injectAs(app, 'ada')
  await inject({ method: 'POST', url: '/login', payload: { userId: 'bob' } })
  t.equal((await inject({ method: 'POST', url: '/me' })).json().userId, 'bob')
})

test('a clock stands still until it is moved', (t) => {
  const clock = new TestClock(5000)
  clock.advance(2)
  clock.advance(-1)
  t.equal(clock.read(), 6000)
  t.equal(new TestClock().read(), Date.UTC(2026, 0, 1))
  t.end()
})

test('the plugin may stand in a scope, and what is missing is said', async (t) => {
  const app = Fastify() as unknown as FastifyInstance
  t.teardown(() => app.close())
  let scope = app
  app.register(
    async (inner) => {
      await inner.register(supersession, FAST_KEYS)
      inner.get('/me', { preHandler: inner.verifySession() }, async ({ session }) => session.userId)
      scope = inner as unknown as FastifyInstance
    },
    { prefix: '/inner' }
  )
  await t.rejects(injectAs(app, 'ada'), /an instance with sessions/)
  const inject = await injectAs(scope, 'ada')
  t.equal((await inject('/inner/me')).body, 'ada')
})

test('a plugin that is still being registered is waited for', async (t) => {
  const app = Fastify() as unknown as FastifyInstance
  t.teardown(() => app.close())
  app.register(supersession, FAST_KEYS)
  app.get('/', async () => 'ok')
  t.equal((await (await injectAs(app, 'ada'))('/')).body, 'ok')
})

test('an unknown option is refused by name', async (t) => {
  const { app } = await buildApp(t)
  await t.rejects(injectAs(app, 'ada', { payloda: {} } as object), /'payload'/)
})

test('claims get old by the clock of the app, whether or not it is given', async (t) => {
  const aged = new PrimitiveClaim<string>({
    key: 'aged',
    fetchValue: () => undefined,
    defaultMaxAgeInSeconds: 300
  })
  const { app, clock } = await buildApp(t)
  const overrideGlobalClaimValidators = () => [aged.validators.hasValue('yes')]
  app.get(
    '/aged',
    { preHandler: app.verifySession({ overrideGlobalClaimValidators }) },
    async () => 'in time'
  )
  for (const options of [{}, { clock }]) {
    const inject = await injectAs(app, 'ada', { claims: [[aged, 'yes']], ...options })
    t.equal((await inject('/aged')).statusCode, 200)
    clock.advance(301)
    t.equal((await inject('/aged')).statusCode, 403)
  }
})

test('logins at once each have their own age', async (t) => {
  const { app, clock } = await buildApp(t)
  const before = clock.nowMs
  const ages = [7200, 0, 60, 7200]
  const users = await Promise.all(
    ages.map((age) => injectAs(app, 'ada', age === 0 ? {} : { age, clock }))
  )
  t.same(
    users.map(({ session }) => before - session.createdAt),
    ages.map((age) => age * 1000)
  )
  t.equal(clock.nowMs, before)
})

test('what is no number of seconds is refused, and leaves the clock as it is', async (t) => {
  const { app, clock } = await buildApp(t)
  const before = clock.nowMs
  for (const age of [Number.NaN, Number.POSITIVE_INFINITY, -1, {}, '5m'] as number[])
    await t.rejects(injectAs(app, 'ada', { age, clock }), /age must be a number of seconds/)
  for (const seconds of [Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number])
    t.throws(() => clock.advance(seconds), TypeError)
  t.equal(clock.nowMs, before)
})
