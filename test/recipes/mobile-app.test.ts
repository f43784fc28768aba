import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/mobile-api.ts'
import { ApiClient } from '../../examples/recipes/mobile-client.ts'
import type { SessionMessage } from '../../lib/index.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { checkPageCode } from '../builders/page-code.ts'

/** The API on a port, and a client whose storage is a map. */
async function open(t: Test) {
  const clock = new TestClock()
  const app = await buildApp({ ...FAST_KEYS, clock: clock.read })
  t.teardown(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const stored = new Map<string, string>()
  const storage = {
    get: async (name: string) => stored.get(name) ?? null,
    set: async (name: string, value: string) => void stored.set(name, value),
    delete: async (name: string) => void stored.delete(name)
  }
  const client = new ApiClient(url, storage)
  const login = () =>
    client.fetch('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'ada' })
    })
  return { app, url, clock, client, storage, stored, login }
}

/** Counts refreshes while the test runs. */
function countRefreshes(t: Test): () => number {
  let count = 0
  const note = (message: unknown) => {
    if ((message as SessionMessage).kind === 'refreshed') count++
  }
  subscribe('fastify-supersession:session', note)
  t.teardown(() => unsubscribe('fastify-supersession:session', note))
  return () => count
}

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/mobile-app.md')
})

test('an app logs in, refreshes by itself, and logs out', async (t) => {
  const { clock, client, stored, login } = await open(t)
  const refreshes = countRefreshes(t)
  t.equal((await client.fetch('/me')).status, 401)
  const reply = await login()
  t.equal(reply.status, 200)
  t.equal(reply.headers.get('set-cookie'), null)
  t.same(await (await client.fetch('/me')).json(), { userId: 'ada' })
  const before = stored.get('st-refresh-token')

  clock.advance(16 * 60)
  const replies = await Promise.all([client.fetch('/me'), client.fetch('/me')])
  t.same(
    replies.map(({ status }) => status),
    [200, 200]
  )
  t.equal(refreshes(), 1, 'one refresh serves both')
  t.not(stored.get('st-refresh-token'), before)

  t.equal((await client.fetch('/auth/signout', { method: 'POST' })).status, 200)
  t.equal(stored.size, 0)
})

test('who was logged out elsewhere is told so, and the tokens are deleted', async (t) => {
  const { app, client, stored, login } = await open(t)
  await login()
  await app.sessions.revokeAll('ada')
  t.equal((await client.fetch('/me')).status, 401)
  t.equal(stored.size, 0)
})

test('after half a year without the app, the refresh is refused and the tokens are deleted', async (t) => {
  const { clock, client, stored, login } = await open(t)
  await login()
  clock.advance(181 * 24 * 3600)
  t.equal((await client.fetch('/me')).status, 401)
  t.equal(stored.size, 0)
})

test('a request that another one has refreshed for is repeated without a second refresh', async (t) => {
  const { url, clock, client, storage, stored, login } = await open(t)
  await login()
  const expired = String(stored.get('st-access-token'))
  clock.advance(16 * 60)
  await client.fetch('/me')
  const refreshes = countRefreshes(t)
  const read = [expired]
  const late = new ApiClient(url, {
    ...storage,
    get: async (name) => read.shift() ?? storage.get(name)
  })
  t.equal((await late.fetch('/me')).status, 200)
  t.equal(refreshes(), 0)
})

test('a login that names no user is refused', async (t) => {
  const { app } = await open(t)
  for (const payload of [
    undefined,
    {},
    { userId: {} },
    { userId: '\0' },
    { userId: 'a'.repeat(101) }
  ]) {
    const reply = await app.inject({ method: 'POST', url: '/login', ...(payload && { payload }) })
    t.equal(reply.statusCode, 422)
  }
})

test('a path that would lead to another host is sent nothing', async (t) => {
  const { url, client, login } = await open(t)
  await login()
  const host = url.replace('http://', '')
  await t.rejects(client.fetch(`@${host}/me`), /begin with a slash/)
})
