import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import WebSocket from 'ws'
import supersession, { memoryStore } from '../../lib/index.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { FAST_KEYS } from '../builders/app.ts'

/** An app with a socket that ends with its session, one that does not, and a session. */
async function socketApp(t: Test) {
  const clock = new TestClock()
  const store = memoryStore()
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, store, clock: clock.read })
  await app.register(websocket)
  const guarded = { websocket: true, preValidation: app.verifySession() } as const
  app.get('/bound', guarded, (socket, { session }) => {
    session.attachSocket(socket, { everySeconds: 0 })
    socket.send(session.userId)
  })
  app.get('/free', guarded, (socket, { session }) => {
    socket.on('message', () => socket.send(session.userId))
  })
  const origin = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws')
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const connect = (path: string, token = session.accessToken) => {
    const socket = new WebSocket(origin + path, { headers: { authorization: `Bearer ${token}` } })
    t.teardown(() => socket.terminate())
    return socket
  }
  return { app, clock, store, session, connect }
}

function opened(socket: WebSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('message', (data) => resolve(String(data)))
    socket.once('error', reject)
  })
}

function closed(socket: WebSocket): Promise<[code: number, reason: string]> {
  return new Promise((resolve) => {
    socket.once('close', (code, reason) => resolve([code, String(reason)]))
  })
}

test('a WebSocket without a session is refused as HTTP, before the upgrade', async (t) => {
  const { connect } = await socketApp(t)
  const socket = connect('/bound', 'not-one')
  const status = await new Promise((resolve) => {
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode))
    socket.once('error', () => {})
  })
  t.equal(status, 401)
})

test('a WebSocket that asks for it is closed when its session is revoked', async (t) => {
  const { session, connect } = await socketApp(t)
  const socket = connect('/bound')
  t.equal(await opened(socket), 'ada')
  await session.revoke()
  t.same(await closed(socket), [4401, 'UNAUTHORISED'])
})

test('and when its session has ended, but not when its access token has', async (t) => {
  const { clock, store, connect } = await socketApp(t)
  const socket = connect('/bound')
  await opened(socket)
  clock.advance(2 * 3600)
  const get = store.get.bind(store)
  await new Promise<void>((resolve) => {
    let asked = 0
    store.get = (handle) => {
      if (++asked === 3) resolve()
      return get(handle)
    }
  })
  t.equal(socket.readyState, WebSocket.OPEN)
  clock.advance(100 * 86_400)
  t.same(await closed(socket), [4401, 'UNAUTHORISED'])
})

test('a store that fails closes nothing', async (t) => {
  const { store, session, connect } = await socketApp(t)
  const socket = connect('/bound')
  await opened(socket)
  const get = store.get.bind(store)
  await new Promise<void>((resolve) => {
    let failures = 0
    store.get = () => {
      if (++failures === 3) resolve()
      throw new Error('down')
    }
  })
  t.equal(socket.readyState, WebSocket.OPEN)
  store.get = get
  await session.revoke()
  t.same(await closed(socket), [4401, 'UNAUTHORISED'])
})

test('a WebSocket that does not ask stays open, and one that is closed is not asked for', async (t) => {
  const { store, session, connect } = await socketApp(t)
  const [free, bound] = [connect('/free'), connect('/bound')]
  await Promise.all([opened(bound), new Promise((resolve) => free.once('open', resolve))])
  const end = closed(bound)
  bound.close(1000, 'bye')
  t.same(await end, [1000, 'bye'])
  await session.revoke()
  free.send('still there?')
  t.equal(await opened(free), 'ada')
  t.equal(await store.get(session.handle), null)
})
