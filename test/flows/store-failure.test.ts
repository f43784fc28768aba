import { type Test, test } from 'tap'
import { memoryStore, type SessionStore, StoreUnavailableError } from '../../lib/index.ts'
import { deleteExpired } from '../../lib/session/cleanup.ts'
import { GuardedStore } from '../../lib/stores/guarded-store.ts'
import { buildApp, START_MS } from '../builders/app.ts'
import { Client, type Response } from '../builders/client.ts'

/** A memory store whose backend can be broken: throwing at once, or rejecting. */
function breakableStore() {
  const store = memoryStore()
  const state: { failure: 'none' | 'throws' | 'rejects' } = { failure: 'none' }
  const breakable = new Proxy(store, {
    get(target, name: keyof SessionStore) {
      const method = target[name] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        if (state.failure === 'throws') throw new Error('connection refused to secret-host:6379')
        if (state.failure === 'rejects') return Promise.reject(new Error('secret-host is gone'))
        return method.apply(target, args)
      }
    }
  })
  return { store: breakable, state }
}

function isUntouched503(t: Test, reply: Response, name: string): void {
  t.equal(reply.statusCode, 503, name)
  t.equal(reply.headers['retry-after'], '1', name)
  t.equal(reply.headers['set-cookie'], undefined, name)
  t.equal(reply.headers['front-token'], undefined, name)
  t.notMatch(reply.body, /secret-host/, name)
}

for (const failure of ['throws', 'rejects'] as const) {
  test(`a store that ${failure} is 503 with Retry-After, and the tokens stay`, async (t) => {
    const { store, state } = breakableStore()
    const { app } = await buildApp(t, { store })
    app.get(
      '/checked',
      { preHandler: app.verifySession({ checkDatabase: true }) },
      async () => 'ok'
    )
    const client = new Client(app, 'cookie')
    await client.login()
    const before = client.copy()

    state.failure = failure
    isUntouched503(t, await client.refresh(), 'refresh')
    isUntouched503(t, await client.get('/checked'), 'a checked verification')
    isUntouched503(t, await client.post('/auth/signout'), 'sign-out')
    isUntouched503(t, await new Client(app, 'cookie').login(), 'login')
    t.equal((await client.get('/me')).statusCode, 200, 'a plain verification needs no store')

    state.failure = 'none'
    t.same([client.accessToken, client.refreshToken], [before.accessToken, before.refreshToken])
    t.equal((await client.refresh()).statusCode, 200)
    t.equal((await client.get('/checked')).statusCode, 200)
  })
}

test('a login that cannot end the session before it brings no tokens', async (t) => {
  const store = memoryStore()
  const { app } = await buildApp(t, { store })
  for (const method of ['cookie', 'header'] as const) {
    const client = new Client(app, method)
    await client.login()
    const { accessToken } = client
    const remove = store.delete.bind(store)
    store.delete = () => Promise.reject(new Error('secret-host is gone'))
    const reply = await client.login()
    isUntouched503(t, reply, method)
    t.equal(reply.headers['st-access-token'], undefined)
    t.equal(client.accessToken, accessToken)
    store.delete = remove
    t.equal((await client.login()).statusCode, 200)
  }
})

test('a store that never takes a change is 503 and not an endless loop', async (t) => {
  const store = Object.assign(memoryStore(), { replace: () => false })
  const { app } = await buildApp(t, { store })
  const client = new Client(app, 'header')
  await client.login()
  isUntouched503(t, await client.refresh(), 'refresh')
})

test('a store that does not answer is a failure when its time is over', async (t) => {
  const silent = new Promise<never>(() => {})
  const store = Object.assign(memoryStore(), {
    get: () => silent,
    delete: () => silent,
    now: () => silent
  })
  const guarded = new GuardedStore(store, 1)
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  const calls = { get: guarded.get('h'), delete: guarded.delete(['h']), now: guarded.now?.() }
  for (const [name, call] of Object.entries(calls)) {
    const error = await Promise.resolve(call).catch((thrown: unknown) => thrown)
    t.match(error, { statusCode: 503, cause: /did not answer within 1 ms/ }, name)
  }
})

test('expired sessions that cannot be deleted are a failure of the store, too', async (t) => {
  const { store, state } = breakableStore()
  const guarded = new GuardedStore(store)
  state.failure = 'rejects'
  await t.rejects(deleteExpired(guarded, START_MS), StoreUnavailableError)
})

test('an access token of another process is verified, though its key was added since', async (t) => {
  const store = memoryStore()
  const [one, two] = [await buildApp(t, { store }), await buildApp(t, { store })]
  const later = 8 * 86_400
  one.clock.advance(later)
  two.clock.advance(later)
  const client = new Client(one.app, 'cookie')
  await client.login()
  const elsewhere = Object.assign(new Client(two.app, 'cookie'), {
    accessToken: client.accessToken
  })
  t.equal((await elsewhere.get('/me')).statusCode, 200)
})
