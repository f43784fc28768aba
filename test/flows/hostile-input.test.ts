import type { HTTPMethods, InjectOptions } from 'fastify'
import { type Test, test } from 'tap'
import {
  BooleanClaim,
  memoryStore,
  type SessionStore,
  type SupersessionOptions,
  UnauthorisedError
} from '../../lib/index.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { type DurableStore, durableStores, openBackend } from '../builders/durable-stores.ts'
import { seededRandom } from '../builders/random.ts'

const KILOBYTES_64 = 65_536

/** Texts that lookups, encodings, stores and limits get wrong. */
const TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  'a\udc00b',
  '\udfff\ud800',
  '😀\u202e\u0301\u2028',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  '1e400',
  '-0',
  "'; DROP TABLE supersession_sessions; --",
  '{user}:*',
  '../../etc/passwd',
  '%00%ff%c0%80',
  '\r\nset-cookie: sAccessToken=x',
  'x; Path=/; Domain=evil.test',
  `${'['.repeat(2000)}${']'.repeat(2000)}`,
  '{"a":'.repeat(2000),
  'a'.repeat(KILOBYTES_64),
  'ä'.repeat(KILOBYTES_64 / 2),
  '😀'.repeat(300),
  'eyJhbGciOiJub25lIn0.e30.',
  `v1.${'a'.repeat(500)}.${'b'.repeat(43)}`,
  '01890000-0000-7000-8000-000000000000',
  '01890000-0000-7000-8000-000000000000___proto__'
]

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

/** Objects that merging, comparing and serialising get wrong. As JSON, so that names are own ones. */
const OBJECTS: readonly object[] = [
  JSON.parse('{"__proto__":{"isAdmin":true}}'),
  JSON.parse('{"constructor":{"prototype":{"isAdmin":true}}}'),
  JSON.parse('{"toString":1,"valueOf":null,"hasOwnProperty":"x"}'),
  JSON.parse('{"toJSON":"x","then":"y"}'),
  { deep: nested(500) },
  { wide: Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`k${index}`, index])) },
  { text: 'a'.repeat(KILOBYTES_64) },
  { 'a\ud800': 'b\udc00', 'c\0': 'd\0' },
  { number: -0, huge: 1e308, tiny: 5e-324, not: Number.NaN, endless: Number.POSITIVE_INFINITY },
  { '': '', ' ': ' ', '\u2028': '\u2029' },
  { date: new Date(0), nothing: undefined, list: [undefined, null] }
]

/** Names of the protocol, which an app's claims cannot take. */
const PROTOCOL = { sub: 'eve', sessionHandle: 'x', exp: 9e9, cnf: {}, tId: 'x', rsub: 'eve' }

const memory: Pick<DurableStore, 'name' | 'skip'> = { name: 'memory', skip: false }

/** Resolves with what a call answers; `null` where it refuses its arguments by name. */
async function unlessRefused<T>(t: Test, call: () => Promise<T>, name: string): Promise<T | null> {
  try {
    return await call()
  } catch (error) {
    t.ok(error instanceof TypeError, `${name}: ${String(error).slice(0, 100)}`)
    return null
  }
}

/** Enough to know it by, in characters that a test's name may have. */
const label = (value: unknown) =>
  JSON.stringify(value)
    .slice(0, 40)
    .replaceAll(/[^ -~]|[#\\]/g, '?')

for (const kind of [memory, ...durableStores])
  test(`on ${kind.name}: ids, claims and data of any form`, { skip: kind.skip }, async (t) => {
    const openStore =
      kind === memory ? () => memoryStore() : await openBackend(t, kind as DurableStore)
    const clock = new TestClock(Date.now())
    const options: SupersessionOptions = { store: openStore(), clock: clock.read }
    const { app } = await buildApp(t, options)
    const { sessions } = app
    const claim = new BooleanClaim({ key: 'c', fetchValue: () => true })

    await t.test('an id is kept to the character, or refused, or not found', async (t) => {
      for (const text of TEXTS) {
        t.equal(await sessions.info(text), null, label(text))
        t.equal(await sessions.revoke(text), false)
        t.same(await sessions.revokeMany([text, text]), [])
        t.equal(await sessions.updateData(text, {}), false)
        t.equal(await sessions.mergePayload(text, {}), false)
        t.match(await sessions.getClaim(text, claim), { status: 'SESSION_DOES_NOT_EXIST_ERROR' })
        t.same(await sessions.list(text), [])
        t.same(await sessions.devices(text), [])
        t.same(await sessions.revokeAll(text), [])
        await t.rejects(sessions.verify(text), UnauthorisedError)
        await t.rejects(sessions.rotate(text), UnauthorisedError)
        await unlessRefused(t, () => sessions.issue({ userId: 'u', tenantId: text }), 'tenant')
        const issued = await unlessRefused(t, () => sessions.issue({ userId: text }), 'user')
        if (issued === null) continue
        const { handle } = issued.session
        t.same(await sessions.list(text), [handle])
        t.equal((await sessions.info(handle))?.userId, text)
        const { session } = await sessions.rotate(String(issued.refreshToken))
        t.equal(session.userId, text)
        t.same(await sessions.revokeAll(text), [handle])
      }
    })

    await t.test('claims and data come back as JSON has them, or are refused', async (t) => {
      for (const object of OBJECTS) {
        const name = label(object)
        const asJson = JSON.parse(JSON.stringify(object))
        const { session, refreshToken } = await sessions.issue({
          userId: 'ada',
          sessionData: object
        })
        t.same(await session.getData(), asJson, name)
        t.equal(await sessions.updateData(session.handle, { other: object }), true)
        t.same(await session.getData(), { other: asJson }, name)
        const merged = await unlessRefused(
          t,
          () => sessions.mergePayload(session.handle, object),
          name
        )
        if (merged !== null) {
          const rotated = await sessions.rotate(String(refreshToken))
          const verified = await sessions.verify(rotated.accessToken)
          for (const [member, value] of Object.entries(asJson)) {
            // null takes a claim out. What is no number in JSON is null there, and stays.
            if ((object as Record<string, unknown>)[member] === null)
              t.notOk(Object.hasOwn(verified.session.payload, member))
            else t.same(verified.session.payload[member], value, `${name} ${member}`)
          }
        }
        t.notOk('isAdmin' in {}, 'no prototype was touched')
        await sessions.revoke(session.handle)
      }
      const { session } = await sessions.issue({ userId: 'ada', accessTokenPayload: PROTOCOL })
      t.equal(session.userId, 'ada')
      t.equal(session.payload.sub, 'ada')
      await t.rejects(session.mergePayload(PROTOCOL), TypeError)
    })
  })

/** Whether Node lets a client send this as a header's value. */
const isHeaderValue = (text: string) =>
  /^[\t\x20-\x7e\x80-\xff]*$/.test(text) && text.length < 12_000

test('requests of any form are answered once, below 500, with a bounded number of steps', async (t) => {
  let calls = 0
  const store = memoryStore()
  const counting = new Proxy(store, {
    get(target, name: keyof SessionStore) {
      const method = target[name] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        if (name !== 'revokedSince') calls++
        return method.apply(target, args)
      }
    }
  })
  const { app } = await buildApp(t, { store: counting })
  const body = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
  app.post('/valid', { schema: { body } }, async () => 'ok')
  app.all('/all', { preHandler: app.verifySession() }, async () => 'in')
  const owner = new Client(app, 'cookie')
  await owner.login()

  const random = seededRandom(20261126)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const headerTexts = TEXTS.filter(isHeaderValue)
  const good = [owner.accessToken, owner.refreshToken].map(String)
  const token = () => (random() < 0.3 ? pick(good) : pick(headerTexts))
  const headerOf = (): [string, string] =>
    pick<() => [string, string]>([
      () => ['authorization', `Bearer ${token()}`],
      () => ['authorization', pick(headerTexts)],
      () => ['cookie', `sAccessToken=${token()}; sRefreshToken=${token()}`],
      () => ['cookie', `${'sAccessToken=x; '.repeat(200)}sAccessToken=${token()}`],
      () => ['cookie', pick(headerTexts)],
      () => ['anti-csrf', pick(headerTexts)],
      () => ['rid', pick(headerTexts)],
      () => ['st-auth-mode', pick(['cookie', 'header', 'any', ...headerTexts])],
      () => ['origin', pick(['null', 'http://localhost:3000', ...headerTexts])],
      () => ['sec-fetch-site', pick(['same-origin', 'cross-site', ...headerTexts])],
      () => ['content-type', pick(['application/json', 'text/plain', ...headerTexts])],
      () => ['dpop', pick(headerTexts)]
    ])()
  const bodyOf = () =>
    pick<() => string | object | undefined>([
      () => undefined,
      () => pick(TEXTS),
      () => pick(OBJECTS),
      () => ({ a: pick(TEXTS) }),
      () => ({ a: nested(1000) })
    ])()

  for (let count = 0; count < 1500; count++) {
    const payload = bodyOf()
    const request: InjectOptions = {
      method: pick<HTTPMethods>([
        'GET',
        'POST',
        'PUT',
        'DELETE',
        'OPTIONS',
        'HEAD',
        'PATCH'
      ]) as 'GET',
      url: pick(['/me', '/all', '/valid', '/nowhere', '/auth/session/refresh', '/auth/signout']),
      headers: Object.fromEntries(Array.from({ length: 1 + Math.floor(random() * 4) }, headerOf)),
      ...(payload !== undefined && { payload })
    }
    calls = 0
    const { statusCode, url } = { ...(await app.inject(request)), url: request.url }
    if (statusCode >= 500 || calls > 8)
      t.fail(
        `${statusCode}, ${calls} calls of the store: ${request.method} ${url} ${label(request.headers)}`
      )
  }
  const next = new Client(app, 'cookie')
  await next.login()
  t.equal((await next.get('/me')).statusCode, 200, 'the app goes on')
})
