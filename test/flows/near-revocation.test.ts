import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import supersession, {
  memoryStore,
  type Revocation,
  type SessionRecord,
  type SessionStore,
  StoreUnavailableError,
  type SupersessionOptions
} from '../../lib/index.ts'
import { addRoutes, buildApp, FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { logLines } from '../builders/log-lines.ts'

/** So that a test hardly waits: the shortest that a timer can be. */
const OFTEN = { revocationInterval: 0.001 } as const

/** Two processes, as far as sessions go: two apps on one store. */
async function buildTwo(t: Test, options: SupersessionOptions = {}) {
  const shared = { store: memoryStore(), ...OFTEN, ...options }
  const [one, two] = [await buildApp(t, shared), await buildApp(t, shared)]
  return { one: one.app, two: two.app, clocks: [one.clock, two.clock] as const }
}

/** A store of which some calls fail. */
function failingStore(
  store: SessionStore,
  fails: (name: keyof SessionStore, args: unknown[]) => boolean
): SessionStore {
  return new Proxy(store, {
    get(target, name: keyof SessionStore) {
      const method = target[name] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        if (fails(name, args)) throw new Error('down')
        return method.apply(target, args)
      }
    }
  })
}

/** Asks again until the answer is another one. A status that never comes is a test that hangs. */
async function statusAfter(client: Client, former: number): Promise<number> {
  for (;;) {
    const { statusCode } = await client.get('/me')
    if (statusCode !== former) return statusCode
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

for (const method of ['cookie', 'header'] as const) {
  test(`by ${method}: the process that revokes refuses at once, the others soon`, async (t) => {
    const { one, two } = await buildTwo(t)
    const client = new Client(one, method)
    const { handle } = (await client.login()).json()
    const there = client.copy(two)
    t.equal((await there.get('/me')).statusCode, 200)
    await one.sessions.revoke(handle)
    const refused = await client.copy(one).get('/me')
    t.equal(refused.statusCode, 401)
    t.same(refused.json(), { message: 'unauthorised' })
    t.equal(await statusAfter(there, 200), 401)
  })
}

test('all sessions of a user end, and the login that follows does not', async (t) => {
  const { one, two, clocks } = await buildTwo(t)
  const [old, recent] = [new Client(one, 'header'), new Client(one, 'header')]
  await old.login()
  for (const clock of clocks) clock.advance(60)
  await recent.login()
  const there = [old.copy(two), recent.copy(two)]
  await one.sessions.revokeAll('ada')
  const next = new Client(one, 'header')
  await next.login()
  for (const client of [old, recent]) t.equal((await client.get('/me')).statusCode, 401)
  for (const client of there) t.equal(await statusAfter(client, 200), 401)
  t.equal((await next.get('/me')).statusCode, 200)
  t.equal((await next.copy(two).get('/me')).statusCode, 200)
})

test('a process that starts later knows what was revoked before', async (t) => {
  const store = memoryStore()
  const first = await buildApp(t, { store })
  const client = new Client(first.app, 'header')
  const { handle } = (await client.login()).json()
  await first.app.sessions.revoke(handle)
  const second = await buildApp(t, { store })
  t.equal((await client.copy(second.app).get('/me')).statusCode, 401)
})

test('a slow reply at another process brings no session back', async (t) => {
  const store = memoryStore()
  const options = { store, ...OFTEN }
  const one = await buildApp(t, options)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, clock: one.clock.read, ...options })
  addRoutes(app)
  let finish = () => {}
  const started = new Promise<void>((resolve) => {
    app.get('/slow', { preHandler: app.verifySession() }, async () => {
      resolve()
      await new Promise<void>((done) => {
        finish = done
      })
      return {}
    })
  })
  const client = new Client(one.app, 'cookie')
  const { handle } = (await client.login()).json()
  const confirmed = client.copy(app)
  await client.refresh()
  // Its first use after a refresh stages a new access token.
  const slow = client.copy(app).get('/slow')
  await started
  await one.app.sessions.revoke(handle)
  await statusAfter(confirmed, 200)
  finish()
  const reply = await slow
  t.equal(reply.statusCode, 200)
  t.equal(reply.headers['set-cookie'], undefined)
  t.equal(reply.headers['front-token'], undefined)
})

test('while the store is down tokens live, afterwards what was revoked meanwhile is refused', async (t) => {
  const store = memoryStore()
  let isDown = false
  const failing = failingStore(store, (name) => name === 'revokedSince' && isDown)
  const { lines, logger } = logLines()
  const one = await buildApp(t, { store, ...OFTEN })
  const two = await buildApp(t, { store: failing, ...OFTEN }, { logger })
  const client = new Client(one.app, 'header')
  const { handle } = (await client.login()).json()
  const there = client.copy(two.app)
  const seen: { ageMs: number; error: unknown }[] = []
  const onMessage = (message: unknown) => {
    const { kind, ...rest } = message as { kind: string; ageMs: number; error: unknown }
    if (kind === 'revocations-read') seen.push(rest)
  }
  subscribe('fastify-supersession:session', onMessage)
  t.teardown(() => unsubscribe('fastify-supersession:session', onMessage))
  isDown = true
  await one.app.sessions.revoke(handle)
  while (!seen.some(({ error }) => error !== undefined))
    await new Promise((resolve) => setTimeout(resolve, 1))
  t.equal((await there.get('/me')).statusCode, 200)
  two.clock.advance(60)
  seen.length = 0
  while (!seen.some(({ ageMs }) => ageMs >= 60_000))
    await new Promise((resolve) => setTimeout(resolve, 1))
  isDown = false
  t.equal(await statusAfter(there, 200), 401)
  const told = (text: RegExp) => lines.filter((line) => text.test(line)).length
  t.equal(told(/does not tell which sessions were revoked/), 1, 'one line however long it lasts')
  t.equal(told(/read from the store again/), 1)
})

test('with an interval of 0 access tokens live until they expire', async (t) => {
  const { app } = await buildApp(t, { revocationInterval: 0 })
  const client = new Client(app, 'header')
  const { handle } = (await client.login()).json()
  await app.sessions.revoke(handle)
  t.equal((await client.get('/me')).statusCode, 200)
})

test('a store that keeps no revocations says so at the start, and works', async (t) => {
  const store = Object.assign(memoryStore(), { addRevocations: undefined, revokedSince: undefined })
  const { lines, logger } = logLines()
  const { app } = await buildApp(t, { store }, { logger })
  t.equal(lines.filter((line) => /has no addRevocations/.test(line)).length, 1)
  const client = new Client(app, 'header')
  const { handle } = (await client.login()).json()
  t.equal(await app.sessions.revoke(handle), true)
  t.equal((await client.get('/me')).statusCode, 401, 'the process that revokes knows')
})

test('what can be no handle and no user is not found, and is kept nowhere', async (t) => {
  const store = memoryStore()
  const { app } = await buildApp(t, { store })
  t.same(await app.sessions.revokeMany(['x', 'h'.repeat(70_000), '']), [])
  for (const userId of ['u'.repeat(70_000), 'a\0', '\ud800'])
    t.same(await app.sessions.revokeAll(userId), [])
  t.same((await store.revokedSince?.(null, 10))?.revocations, [])
})

test('a revocation that fails half-way can be done again, and holds everywhere then', async (t) => {
  const store = memoryStore()
  let isFailing = false
  // The entry of the user is taken, that of the session is not.
  const failing = failingStore(
    store,
    (name, args) =>
      isFailing && name === 'addRevocations' && JSON.stringify(args).includes('"handle"')
  )
  const one = await buildApp(t, { store: failing, ...OFTEN })
  const two = await buildApp(t, { store, ...OFTEN })
  const client = new Client(one.app, 'header')
  await client.login()
  isFailing = true
  await t.rejects(one.app.sessions.revokeAll('ada'), StoreUnavailableError)
  isFailing = false
  t.equal((await one.app.sessions.revokeAll('ada')).length, 1)
  t.equal(await statusAfter(client.copy(two.app), 200), 401)
})

test('a session that is revoked again and again is one entry of the store', async (t) => {
  const added: Revocation[] = []
  const store = memoryStore()
  const keep = store.addRevocations?.bind(store)
  const addRevocations = (list: readonly Revocation[]) => {
    added.push(...list)
    return keep?.(list)
  }
  const { app } = await buildApp(t, { store: Object.assign(store, { addRevocations }) })
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const backup = await store.get(session.handle)
  for (const isThere of [true, false, false])
    t.equal(await app.sessions.revoke(session.handle), isThere)
  t.equal(added.length, 1)
  // What a failover, or a backup that was restored, makes of the store.
  await store.insert(backup as SessionRecord)
  t.equal(await app.sessions.revoke(session.handle), true)
  t.equal(added.length, 2, 'but for one that the store brought back')
})

test('after revokeAll a login is good, also on a clock that was set back', async (t) => {
  const { app, clock } = await buildApp(t)
  const before = new Client(app, 'header')
  await before.login()
  clock.advance(60)
  await app.sessions.revokeAll('ada')
  clock.advance(-3600)
  const client = new Client(app, 'header')
  await client.login()
  t.equal((await client.get('/me')).statusCode, 200)
  t.equal((await client.refresh()).statusCode, 200)
  t.equal((await client.get('/me')).statusCode, 200)
  t.equal((await before.get('/me')).statusCode, 401)
  await app.sessions.revokeAll('ada')
  t.equal((await client.get('/me')).statusCode, 401)
})
