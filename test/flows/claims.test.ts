import { type Test, test } from 'tap'
import {
  BooleanClaim,
  type ClaimValidator,
  PrimitiveArrayClaim,
  PrimitiveClaim,
  type SupersessionOptions
} from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'

/** A claim whose source can be changed, and which notes who asked for it. */
function planClaim(defaultMaxAgeInSeconds?: number) {
  const source: { value: string | undefined; calls: unknown[] } = { value: 'free', calls: [] }
  const claim = new PrimitiveClaim<string>({
    key: 'plan',
    fetchValue: async (subject) => {
      source.calls.push(subject)
      return source.value
    },
    ...(defaultMaxAgeInSeconds !== undefined && { defaultMaxAgeInSeconds })
  })
  return { claim, source }
}

async function appWith(
  t: Test,
  validators: readonly ClaimValidator[],
  options: SupersessionOptions = {}
) {
  const built = await buildApp(t, options)
  built.app.get(
    '/pro',
    { preHandler: built.app.verifySession({ overrideGlobalClaimValidators: () => validators }) },
    async ({ session }) => ({ payload: session.payload })
  )
  return built
}

for (const method of ['cookie', 'header'] as const) {
  test(`by ${method}: a claim of the app is in every new session, and decides on a route`, async (t) => {
    const { claim, source } = planClaim()
    const { app, clock } = await appWith(t, [claim.validators.hasValue('pro')], { claims: [claim] })
    const client = new Client(app, method)
    const { handle } = (
      await client.login('ada', { tenantId: 't1', accessTokenPayload: { plan: 'mine' } })
    ).json()
    t.same(source.calls, [{ userId: 'ada', recipeUserId: 'ada', tenantId: 't1' }])
    t.same(payloadOf(client.accessToken)['plan'], { v: 'free', t: clock.nowMs })
    const refused = await client.get('/pro')
    t.equal(refused.statusCode, 403)
    t.same(refused.json(), {
      message: 'invalid claim',
      claimValidationErrors: [
        {
          id: 'plan',
          reason: { message: 'wrong value', expectedValue: 'pro', actualValue: 'free' }
        }
      ]
    })
    t.equal(await app.sessions.setClaim(handle, claim, 'pro'), true)
    await client.refresh()
    t.equal((await client.get('/pro')).statusCode, 200)
  })
}

test('a claim that has no value is left out of a new session', async (t) => {
  const { claim, source } = planClaim()
  source.value = undefined
  const { app } = await buildApp(t, { claims: [claim] })
  const client = new Client(app, 'header')
  await client.login()
  t.equal('plan' in payloadOf(client.accessToken), false)
})

test('a value that is missing or too old is fetched anew, and the client is given it', async (t) => {
  const { claim, source } = planClaim(60)
  const { app, clock } = await appWith(t, [claim.validators.hasValue('pro')])
  const client = new Client(app, 'cookie')
  const { handle } = (await client.login()).json()
  const refused = await client.get('/pro')
  t.equal(refused.statusCode, 403)
  t.type(refused.headers['front-token'], 'string', 'also with a 403')
  t.same(payloadOf(client.accessToken)['plan'], { v: 'free', t: clock.nowMs })

  source.value = 'pro'
  t.equal((await client.get('/pro')).statusCode, 403, 'young enough to be believed')
  clock.advance(61)
  const passed = await client.get('/pro')
  t.equal(passed.statusCode, 200)
  t.same(passed.json().payload.plan, { v: 'pro', t: clock.nowMs })
  t.same(await app.sessions.getClaim(handle, claim), { status: 'OK', value: 'pro' })
  t.equal(source.calls.length, 2)
  t.equal((await client.get('/pro')).headers['front-token'], undefined)
})

test('a value that cannot be fetched is refused as expired', async (t) => {
  const { claim, source } = planClaim(60)
  const { app, clock } = await appWith(t, [claim.validators.hasValue('free')], { claims: [claim] })
  const client = new Client(app, 'header')
  await client.login()
  source.value = undefined
  clock.advance(61)
  const reply = await client.get('/pro')
  t.match(reply.json().claimValidationErrors, [{ id: 'plan', reason: { message: 'expired' } }])
  t.equal(reply.headers['front-token'], undefined)
})

test('validators that fail together end one request, and not the process', async (t) => {
  const later = async () => {
    throw new Error('the promise of it comes first')
  }
  const atOnce = () => {
    throw new Error('it throws')
  }
  const validators = [later, atOnce].map((validate, index) => ({ id: `${index}`, validate }))
  const { app } = await appWith(t, validators)
  const client = new Client(app, 'header')
  await client.login()
  t.equal((await client.get('/pro')).statusCode, 500)
})

test('global validators hold for every route but those that override them', async (t) => {
  const { claim } = planClaim()
  const seen: unknown[] = []
  const global = claim.validators.hasValue('pro')
  const { app } = await buildApp(t, { claims: [claim], globalClaimValidators: [global] })
  app.get(
    '/open',
    {
      preHandler: app.verifySession({
        overrideGlobalClaimValidators: async (validators, session) => {
          seen.push(validators, session.userId)
          return []
        }
      })
    },
    async () => 'ok'
  )
  const client = new Client(app, 'header')
  await client.login()
  t.equal((await client.get('/me')).statusCode, 403)
  t.equal((await client.get('/open')).statusCode, 200)
  t.same(seen, [[global], 'ada'])
  t.equal((await client.post('/auth/signout')).statusCode, 200, 'signing out asks for no claims')
})

test('a session sets, reads, fetches and removes its claims', async (t) => {
  const { claim, source } = planClaim()
  const roles = new PrimitiveArrayClaim<string>({ key: 'st-role', fetchValue: () => ['a'] })
  const { app } = await buildApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada' })
  t.equal(session.getClaim(claim), undefined)
  await session.setClaim(claim, 'pro')
  t.equal(session.getClaim(claim), 'pro')
  await session.fetchClaim(claim)
  t.equal(session.getClaim(claim), 'free')
  await session.fetchClaim(roles)
  t.same(session.getClaim(roles), ['a'])
  await session.removeClaim(claim)
  t.equal(session.getClaim(claim), undefined)
  source.value = undefined
  await session.fetchClaim(claim)
  t.equal('plan' in session.payload, false)
  const verified = new BooleanClaim({ key: 'st-ev', fetchValue: () => true })
  await session.assertClaims([verified.validators.isTrue(), roles.validators.includes('a')])
  t.equal(session.getClaim(verified), true, 'what was fetched for it is kept')
})

test('claims are set, read, fetched, validated and removed by handle', async (t) => {
  const { claim, source } = planClaim()
  const { app } = await buildApp(t, { globalClaimValidators: [claim.validators.hasValue('pro')] })
  const { sessions } = app
  const { handle } = (await sessions.issue({ userId: 'ada', tenantId: 't1' })).session
  t.same(await sessions.getClaim(handle, claim), { status: 'OK', value: undefined })
  t.equal(await sessions.fetchClaim(handle, claim), true)
  t.same(source.calls, [{ userId: 'ada', recipeUserId: 'ada', tenantId: 't1' }])
  t.same(await sessions.getClaim(handle, claim), { status: 'OK', value: 'free' })
  t.match(await sessions.validateClaims(handle), { status: 'OK', invalidClaims: [{ id: 'plan' }] })
  t.same(await sessions.validateClaims(handle, () => []), { status: 'OK', invalidClaims: [] })
  t.equal(await sessions.setClaim(handle, claim, 'pro'), true)
  t.same(await sessions.validateClaims(handle), { status: 'OK', invalidClaims: [] })
  t.equal(await sessions.removeClaim(handle, claim), true)
  source.value = 'pro'
  t.same(await sessions.validateClaims(handle), { status: 'OK', invalidClaims: [] })
  t.same(await sessions.getClaim(handle, claim), { status: 'OK', value: 'pro' }, 'kept')
  source.value = undefined
  t.equal(await sessions.fetchClaim(handle, claim), true)
})

test('claims of a session that is gone say so', async (t) => {
  const { claim } = planClaim()
  const { app } = await buildApp(t)
  const gone = { status: 'SESSION_DOES_NOT_EXIST_ERROR' }
  t.equal(await app.sessions.fetchClaim('x', claim), false)
  t.equal(await app.sessions.setClaim('x', claim, 'pro'), false)
  t.equal(await app.sessions.removeClaim('x', claim), false)
  t.same(await app.sessions.getClaim('x', claim), gone)
  t.same(await app.sessions.validateClaims('x'), gone)
  const { handle } = (await app.sessions.issue({ userId: 'ada' })).session
  const revoking = new PrimitiveClaim<string>({
    key: 'plan',
    fetchValue: async () => {
      await app.sessions.revoke(handle)
      return 'pro'
    }
  })
  const validators = () => [revoking.validators.hasValue('pro')]
  t.same(
    await app.sessions.validateClaims(handle, validators),
    gone,
    'also where it goes meanwhile'
  )
})

test('a validator of the app may be asynchronous, and refetch as it likes', async (t) => {
  const { claim, source } = planClaim()
  const validator: ClaimValidator = {
    id: 'own',
    claim,
    shouldRefetch: async (payload) => claim.valueIn(payload) !== 'pro',
    validate: async (payload, { nowMs }) =>
      claim.valueIn(payload) === 'pro' ? { isValid: true } : { isValid: false, reason: { nowMs } }
  }
  const plain: ClaimValidator = { id: 'plain', validate: () => ({ isValid: true }) }
  const { app, clock } = await appWith(t, [plain, validator])
  const client = new Client(app, 'header')
  await client.login()
  t.same((await client.get('/pro')).json().claimValidationErrors, [
    { id: 'own', reason: { nowMs: clock.nowMs } }
  ])
  source.value = 'pro'
  t.equal((await client.get('/pro')).statusCode, 200)
})

test('a validator that forgets to answer lets nobody pass', async (t) => {
  const { app } = await buildApp(t)
  for (const [name, validate] of Object.entries({ sync: () => {}, async: async () => {} })) {
    const onRequest = app.verifySession({
      overrideGlobalClaimValidators: () => [{ id: name, validate } as unknown as ClaimValidator]
    })
    app.get(`/${name}`, { onRequest }, async () => 'ran')
  }
  const client = new Client(app, 'header')
  await client.login()
  for (const name of ['sync', 'async']) {
    const reply = await client.get(`/${name}`)
    t.equal(reply.statusCode, 403)
    t.same(reply.json().claimValidationErrors, [{ id: name }])
  }
})

const onlyAda: ClaimValidator = { id: 'never', validate: () => ({ isValid: false }) }

for (const isLate of [false, true]) {
  const kind = isLate ? 'a promise of a list' : 'a list'
  test(`global validators may be a function of the session that answers ${kind}`, async (t) => {
    const { app } = await buildApp(t, {
      globalClaimValidators: ({ userId }) => {
        const list = userId === 'ada' ? [] : [onlyAda]
        return isLate ? Promise.resolve(list) : list
      }
    })
    const overridden = app.verifySession({
      overrideGlobalClaimValidators: (all) => (all.length === 0 ? [onlyAda] : [])
    })
    app.get('/overridden', { preHandler: overridden }, async () => 'in')
    for (const [userId, status, other] of [
      ['ada', 200, 403],
      ['bob', 403, 200]
    ] as const) {
      const client = new Client(app, 'header')
      const { handle } = (await client.login(userId)).json()
      t.equal((await client.get('/me')).statusCode, status)
      t.equal((await client.get('/overridden')).statusCode, other)
      const invalidClaims = userId === 'ada' ? [] : [{ id: 'never' }]
      t.same(await app.sessions.validateClaims(handle), { status: 'OK', invalidClaims })
    }
  })
}

for (const answer of [undefined, {}, [{}], Promise.resolve(null)])
  test(`a function of validators that answers ${JSON.stringify(answer)} lets nobody pass, and is told so`, async (t) => {
    const { app } = await buildApp(t, { globalClaimValidators: () => answer as [] })
    const messages: string[] = []
    app.addHook('onError', async (_request, _reply, error) => void messages.push(error.message))
    const overrideGlobalClaimValidators = () => answer as []
    const { app: overriding } = await buildApp(t)
    overriding.addHook('onError', async (_request, _reply, error) => {
      messages.push(error.message)
    })
    overriding.get(
      '/overridden',
      { preHandler: overriding.verifySession({ overrideGlobalClaimValidators }) },
      async () => ({})
    )
    const client = new Client(app, 'header')
    await client.login()
    t.equal((await client.get('/me')).statusCode, 500)
    const other = new Client(overriding, 'header')
    const { handle } = (await other.login()).json()
    t.equal((await other.get('/overridden')).statusCode, 500)
    await t.rejects(
      overriding.sessions.validateClaims(handle, overrideGlobalClaimValidators),
      /overrideGlobalClaimValidators\(\)' must be a list of claim validators/
    )
    t.match(messages, [
      /globalClaimValidators\(\)' must be a list of claim validators/,
      /overrideGlobalClaimValidators\(\)' must be a list of claim validators/
    ])
  })

test('an answer of shouldRefetch may be waited for, is asked for once, and may fail', async (t) => {
  const fetched: string[] = []
  const claim = new PrimitiveClaim<string>({
    key: 'plan',
    fetchValue: ({ userId }) => {
      fetched.push(userId)
      return 'pro'
    }
  })
  const answers: (() => Promise<boolean>)[] = [
    async () => false,
    async () => true,
    () => Promise.reject(new Error('the database is down'))
  ]
  let calls = 0
  const { app } = await buildApp(t, {
    globalClaimValidators: [
      { id: 'first', claim, validate: () => ({ isValid: true }), shouldRefetch: () => false },
      {
        id: 'plan',
        claim,
        shouldRefetch: () => (answers[calls++] as () => Promise<boolean>)(),
        validate: () => ({ isValid: true })
      }
    ]
  })
  const client = new Client(app, 'header')
  await client.login()
  const statuses = []
  for (const _answer of answers) statuses.push((await client.get('/me')).statusCode)
  t.same(statuses, [200, 200, 500])
  t.equal(calls, answers.length)
  t.same(fetched, ['ada'])
})
