import { test } from 'tap'
import {
  BooleanClaim,
  type JsonObject,
  memoryStore,
  OptionsError,
  PrimitiveArrayClaim,
  PrimitiveClaim
} from '../../lib/index.ts'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

const fetchValue = () => undefined
const roles = new PrimitiveArrayClaim<string>({ key: 'roles', fetchValue })
const isAdmin = new BooleanClaim({ key: 'admin', fetchValue })

const REQUEST = { raw: {}, headers: {} }

const wrongCalls: [name: string, args: readonly unknown[], message: RegExp][] = [
  ['create', [undefined, null, { userId: 'ada' }], /sessions\.create\.request.*request of Fastify/],
  ['create', [{ headers: {} }, null, { userId: 'ada' }], /sessions\.create\.request.*of Fastify/],
  ['create', [REQUEST, {}, 'public'], /sessions\.create\.input.*object, received string/],
  ['create', [REQUEST, {}, { userID: 'ada' }], /sessions\.create\.input\.userID.*'userId'/],
  ['create', [REQUEST, {}, { userId: 'ada', keepOldSession: 1 }], /keepOldSession.*true or false/],
  ['create', [REQUEST, {}, { userId: 'ada', transferMethod: 'any' }], /'cookie' or 'header'/],
  ['issue', ['public', 'ada'], /sessions\.issue\.input.*object/],
  ['issue', [{ userId: 'ada', disableAntiCSRF: true }], /'disableAntiCsrf'/],
  ['verify', [undefined], /sessions\.verify\.accessToken.*a string, received undefined/],
  ['verify', ['x', 5], /sessions\.verify\.antiCsrfToken.*a string/],
  ['verify', ['x', undefined, { checkDatabse: true }], /no such option; .* 'checkDatabase'/],
  ['verify', ['x', undefined, { checkDatabase: 'yes' }], /checkDatabase.*true or false/],
  ['rotate', [null], /sessions\.rotate\.refreshToken/],
  ['rotate', ['x', true], /sessions\.rotate\.options.*object, received boolean/],
  ['rotate', ['x', { antiCsrf: 'y' }], /'antiCsrfToken'/],
  ['revoke', [['h']], /sessions\.revoke\.handle.*a string, received array/],
  ['revokeMany', ['h'], /sessions\.revokeMany\.handles.*a list of strings/],
  ['revokeMany', [['h', undefined]], /a list of strings/],
  ['revokeAll', [undefined], /sessions\.revokeAll\.userId/],
  ['revokeAll', ['ada', true, 't1'], /sessions\.revokeAll\.options.*object, received boolean/],
  ['revokeAll', ['ada', { tenant: 't1' }], /'tenantId'/],
  ['list', ['ada', { tenantId: 5 }], /sessions\.list\.options\.tenantId.*a string/],
  ['devices', [{ userId: 'ada' }], /sessions\.devices\.userId/],
  ['info', [5], /sessions\.info\.handle/],
  ['revokeAll', ['ada', undefined, 't1'], /sessions\.revokeAll' must be called with 2 arguments/],
  ['verify', ['x', 'y', {}, { checkDatabase: true }], /called with 3 arguments at most/],
  ['create', [REQUEST, {}, { userId: 'ada' }, { keepOldSession: true }], /3 arguments at most/],
  ['updateData', [undefined, {}], /sessions\.updateData\.handle/],
  ['mergePayload', ['h', undefined], /sessions\.mergePayload\.update.*object/],
  ['mergePayload', ['h', []], /sessions\.mergePayload\.update.*object, received array/],
  ['fetchClaim', ['h', 'roles'], /sessions\.fetchClaim\.claim.*a claim/],
  ['setClaim', ['h', {}, 5], /sessions\.setClaim\.claim.*a claim/],
  ['getClaim', ['h'], /sessions\.getClaim\.claim.*a claim, received undefined/],
  ['removeClaim', [roles, 'h'], /sessions\.removeClaim\.handle/],
  ['validateClaims', ['h', []], /sessions\.validateClaims\.override.*a function/],
  ['createJWT', ['x'], /sessions\.createJWT\.payload.*object/],
  ['createJWT', [{}, 500], /sessions\.createJWT\.options.*object, received number/],
  ['createJWT', [{}, undefined, false], /left out/],
  ['createJWT', [{}, { validitySeconds: Number.NaN }], /validitySeconds.*number from 1/],
  ['createJWT', [{}, { validitySeconds: -1 }], /validitySeconds.*number from 1/],
  ['createJWT', [{}, { validityInSeconds: 60 }], /'validitySeconds'/],
  ['createJWT', [{}, { useStaticSigningKey: 0 }], /useStaticSigningKey.*true or false/],
  ['createJWT', [{ exp: undefined }], /payload\.exp.*a number of seconds/],
  ['createJWT', [{ nbf: 'tomorrow' }], /payload\.nbf.*a number of seconds/]
]

for (const [name, args, message] of wrongCalls)
  test(`sessions.${name}(${JSON.stringify(args).slice(1, -1)}) is refused by name`, async (t) => {
    const { app } = await buildApp(t)
    const functions = app.sessions as unknown as Record<string, (...args: unknown[]) => unknown>
    const error = await Promise.resolve(functions[name]?.(...args)).then(
      () => new Error('it was taken'),
      (rejection: unknown) => rejection
    )
    t.type(error, OptionsError)
    t.match(error, { message })
  })

test('options of one check are refused by name, by hand and for sessions.get', async (t) => {
  const { app } = await buildApp(t)
  const wrong = { checkDatabse: true } as object
  app.get('/get', async (request, reply) => app.sessions.get(request, reply, wrong))
  app.get('/hand', async (request) => request.verifySession(wrong))
  const client = new Client(app, 'header')
  await client.login()
  t.throws(() => app.verifySession(wrong), /verifySession\.checkDatabse.*'checkDatabase'/)
  for (const url of ['/get', '/hand']) t.equal((await client.get(url)).statusCode, 500)
})

test('what is no request of Fastify is neither verified nor refreshed', async (t) => {
  const { app } = await buildApp(t)
  for (const wrong of [undefined, { headers: {} }] as never[]) {
    t.throws(() => app.sessions.get(wrong, null), /sessions\.get\.request.*of Fastify/)
    await t.rejects(app.sessions.refresh(wrong, null), /request must be of the scope/)
  }
})

test('what a request’s session does not understand is refused by name', async (t) => {
  const { app } = await buildApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const wrong = 'roles' as never
  await t.rejects(session.assertClaims(wrong), /session\.assertClaims\.validators.*a list/)
  await t.rejects(session.assertClaims([roles] as never), /a list of claim validators/)
  await t.rejects(session.setClaim(wrong, 1), /session\.setClaim\.claim.*a claim/)
  await t.rejects(session.fetchClaim(wrong), /session\.fetchClaim\.claim/)
  await t.rejects(session.removeClaim(wrong), /session\.removeClaim\.claim/)
  t.throws(() => session.getClaim(wrong), /session\.getClaim\.claim/)
  await t.rejects(session.mergePayload(wrong), /mergePayload\.update.*object/)
  t.throws(() => session.attachSocket({} as never, { every: 5 } as never), /attachSocket\.every/)
})

test('claims and their validators refuse what would weaken a check', (t) => {
  const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue })
  const wrong = (value: unknown) => value as never
  for (const [make, message] of [
    [() => isAdmin.validators.isTrue(wrong(300)), /admin\.validators.*object, received number/],
    [() => isAdmin.validators.isTrue(wrong({ maxAge: 300 })), /'maxAgeInSeconds'/],
    [() => isAdmin.validators.isTrue({ maxAgeInSeconds: Number.NaN }), /maxAgeInSeconds.*number/],
    [() => isAdmin.validators.isFalse({ id: wrong(5) }), /validators\.id.*a string/],
    [() => plan.validators.hasValue(wrong(undefined)), /plan\.validators\.value/],
    [() => roles.validators.excludes(wrong(['banned'])), /roles\.validators\.value/],
    [() => roles.validators.includes(wrong({})), /roles\.validators\.value/],
    [() => roles.validators.excludesAll(wrong('banned')), /a list, received string/],
    [() => roles.validators.includesAll(wrong([['a']])), /roles\.validators\.value/],
    [() => roles.validators.includesAny(wrong(undefined)), /a list, received undefined/],
    [
      () => new BooleanClaim(wrong({ key: 'a', fetchValue, defaultMaxAge: 5 })),
      /claim\.defaultMaxAge.*'defaultMaxAgeInSeconds'/
    ],
    [
      () => new BooleanClaim({ key: 'a', fetchValue, defaultMaxAgeInSeconds: Number.NaN }),
      /a\.defaultMaxAgeInSeconds.*a number from 0/
    ]
  ] as const)
    t.throws(make, message)
  t.ok(roles.validators.includesAll([]))
  t.ok(isAdmin.validators.isTrue({ maxAgeInSeconds: 0, id: 'x' }))
  t.end()
})

test('a payload that does not fit a cookie is refused when it is set, with its size', async (t) => {
  const { app } = await buildApp(t)
  app.post('/fill', { preHandler: app.verifySession() }, async ({ session, body }) => {
    await session.mergePayload(body as JsonObject)
    return session.accessToken.length
  })
  const fill = (length: number) => ({ a: 'x'.repeat(length) })
  app.setExceptionHandler(TypeError, async ({ message }, _request, reply) => {
    reply.code(418)
    return { message }
  })
  const client = new Client(app, 'cookie')
  const refused = await client.login('ada', { accessTokenPayload: fill(3500) })
  t.match(refused.json(), { message: /can grow to \d{4} bytes, and a cookie has room for 4084/ })
  t.equal(refused.headers['set-cookie'], undefined)
  t.same(await app.sessions.list('ada'), [], 'nothing was stored')

  await client.login('ada')
  let longest = 3500
  // What fits is found by trying, as an app would.
  while ((await client.post('/fill', fill(longest))).statusCode === 418) longest -= 10
  t.ok(longest > 2000)
  const [handle = ''] = await app.sessions.list('ada')
  await t.rejects(app.sessions.mergePayload(handle, fill(3500)), /a cookie has room for/)
  await client.refresh()
  const { length } = String(client.accessToken)
  t.ok('sAccessToken'.length + length <= 4096, 'the token after a refresh is the longest')
  t.ok('sAccessToken'.length + length > 4000, `${length} bytes are close to the bound`)

  const other = new Client(app, 'header')
  t.equal((await other.login('bob', { accessTokenPayload: fill(3500) })).statusCode, 200)
  t.equal((await other.post('/fill', fill(3500))).statusCode, 200, 'headers have room for more')
})

test('a cookie that another algorithm made too long is told of in the log', async (t) => {
  const store = memoryStore()
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const { app } = await buildApp(t, { store })
  const client = new Client(app, 'cookie')
  let fits = 2800
  const login = () => client.login('ada', { accessTokenPayload: { a: 'x'.repeat(fits) } })
  while ((await login()).statusCode === 500) fits -= 10
  const later = { store, clock: () => START_MS + 1000, signingAlgorithm: 'RS256' } as const
  const { app: next } = await buildApp(t, later, { logger: { level: 'warn', stream } })
  const moved = Object.assign(new Client(next, 'cookie'), { ...client })
  t.equal((await moved.refresh()).statusCode, 200)
  t.ok(lines.some((line) => line.includes('too long for a cookie')))
})

test('an id that no store can keep is simply not found', async (t) => {
  const { app } = await buildApp(t)
  const { session } = await app.sessions.issue({ userId: 'boss\ufffd' })
  for (const id of ['boss\ud800', 'boss\0', '\udc00']) {
    t.equal(await app.sessions.info(id), null)
    t.equal(await app.sessions.revoke(id), false)
    t.same(await app.sessions.revokeMany([id]), [])
    t.same(await app.sessions.list(id), [])
    t.same(await app.sessions.devices(id), [])
    t.same(await app.sessions.revokeAll(id), [])
    t.equal(await app.sessions.mergePayload(id, {}), false)
    t.equal(await app.sessions.updateData(id, {}), false)
    t.match(await app.sessions.getClaim(id, roles), { status: /DOES_NOT_EXIST/ })
  }
  t.not(await app.sessions.info(session.handle), null)
})
