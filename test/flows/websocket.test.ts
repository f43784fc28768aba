import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import websocket, { type WebSocket as ServerSocket } from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import supersession, {
  memoryStore,
  type SessionStore,
  type SupersessionOptions,
  TokenTheftDetectedError
} from '../../lib/index.ts'
import { TestClock } from '../../lib/testing/index.ts'
import { FAST_KEYS } from '../builders/app.ts'

/** Real time, and as little of it as a timer takes; the session's own time is the clock's. */
const SOON = 0.01
const DAY = 86_400

interface SocketApp {
  readonly app: FastifyInstance
  readonly clock: TestClock
  readonly lines: string[]
}

/** An app that listens, with sockets that close with their session: checked `/soon` and `/late`. */
async function socketApp(t: Test, options: SupersessionOptions = {}): Promise<SocketApp> {
  const clock = new TestClock()
  const lines: string[] = []
  const logger = { level: 'error', stream: { write: (line: string) => void lines.push(line) } }
  const app = Fastify({ logger })
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, clock: clock.read, ...options })
  await app.register(websocket)
  for (const [url, everySeconds] of [
    ['/soon', SOON],
    ['/late', DAY]
  ] as const)
    app.get(url, { websocket: true, preValidation: app.verifySession() }, (socket, { session }) => {
      session.attachSocket(socket, { everySeconds })
      socket.send(session.userId)
    })
  app.get('/free', { websocket: true, preValidation: app.verifySession() }, (socket) => {
    socket.on('message', (data) => socket.send(`echo ${data}`))
    socket.send('free')
  })
  return { app, clock, lines }
}

async function connect(app: FastifyInstance, url: string, token?: string): Promise<WebSocket> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return new WebSocket(`ws://127.0.0.1:${port}${url}`, { headers })
}

/** An open socket of a new session, whose handler has run. */
async function openSocket(t: Test, { app }: SocketApp, url: string) {
  const { session, accessToken } = await app.sessions.issue({ userId: 'ada' })
  const socket = await connect(app, url, accessToken)
  t.teardown(() => socket.terminate())
  const closed = closingOf(socket)
  await once(socket, 'message')
  return { session, accessToken, socket, closed }
}

async function closingOf(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = await once(socket, 'close')
  return [code, String(reason)]
}

for (const phase of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
  test(`a hook in ${phase} refuses a socket without a session before the upgrade, over HTTP`, async (t) => {
    const { app, clock } = await socketApp(t)
    app.get('/', { websocket: true, [phase]: app.verifySession() }, (socket, { session }) =>
      socket.send(session.userId)
    )
    const { accessToken } = await app.sessions.issue({ userId: 'ada' })
    const good = await connect(app, '/', accessToken)
    t.equal(String((await once(good, 'message'))[0]), 'ada')
    good.terminate()
    clock.advance(3600)
    for (const [token, message] of [
      [undefined, 'unauthorised'],
      [accessToken, 'try refresh token']
    ] as const) {
      const socket = await connect(app, '/', token)
      const [, response] = await once(socket, 'unexpected-response')
      t.equal(response.statusCode, 401)
      t.match(response.headers['www-authenticate'], /^Bearer/)
      let body = ''
      for await (const chunk of response) body += chunk
      t.same(JSON.parse(body), { message })
    }
  })
}

test('an open socket closes as soon as this process ends its session', async (t) => {
  const built = await socketApp(t)
  const { sessions } = built.app
  for (const end of [
    (handle: string) => sessions.revoke(handle),
    (handle: string) => sessions.revokeMany([handle, 'unknown']),
    () => sessions.revokeAll('ada')
  ]) {
    const { session, closed } = await openSocket(t, built, '/late')
    await end(session.handle)
    t.same(await closed, [4401, 'UNAUTHORISED'])
  }
})

test('theft of a refresh token closes the sockets of its session', async (t) => {
  const built = await socketApp(t, { refreshGracePeriod: 0 })
  const { app, clock } = built
  const { refreshToken = '', session } = await app.sessions.issue({ userId: 'ada' })
  const { accessToken } = await app.sessions.rotate(refreshToken)
  const socket = await connect(app, '/late', accessToken)
  await once(socket, 'message')
  clock.advance(60)
  await t.rejects(app.sessions.rotate(refreshToken), TokenTheftDetectedError)
  t.same(await closingOf(socket), [4401, 'UNAUTHORISED'])
  t.equal(await app.sessions.info(session.handle), null)
})

test('every socket of the session closes, and none of another', async (t) => {
  const built = await socketApp(t)
  const first = await openSocket(t, built, '/late')
  const second = await connect(built.app, '/late', first.accessToken)
  await once(second, 'message')
  const other = await openSocket(t, built, '/late')
  const bothClosed = Promise.all([first.closed, closingOf(second)])
  await built.app.sessions.revoke(first.session.handle)
  t.same(await bothClosed, [
    [4401, 'UNAUTHORISED'],
    [4401, 'UNAUTHORISED']
  ])
  t.equal(other.socket.readyState, WebSocket.OPEN)
})

test('a session that another process ended closes its sockets at the next check', async (t) => {
  const store = memoryStore()
  const built = await socketApp(t, { store })
  const { session, closed } = await openSocket(t, built, '/soon')
  await store.delete([session.handle])
  t.same(await closed, [4401, 'UNAUTHORISED'])
})

test('a session that expires closes its sockets, an access token that expires does not', async (t) => {
  const store = memoryStore()
  const built = await socketApp(t, { store, refreshTokenValidity: '2h' })
  const { socket, closed } = await openSocket(t, built, '/soon')
  built.clock.advance(3600)
  await asked(store)
  await asked(store)
  t.equal(socket.readyState, WebSocket.OPEN)
  built.clock.advance(3600)
  t.same(await closed, [4401, 'UNAUTHORISED'])
})

/** Waits for the next question to the store, and what it leads to. */
function asked(store: SessionStore): Promise<void> {
  const { get } = store
  return new Promise((resolve) => {
    store.get = (handle) => {
      store.get = get
      setImmediate(resolve)
      return get.call(store, handle)
    }
  })
}

test('a session that is over when the socket opens closes it at once', async (t) => {
  const built = await socketApp(t, { revocationInterval: 0 })
  const { session, accessToken } = await built.app.sessions.issue({ userId: 'ada' })
  await built.app.sessions.revoke(session.handle)
  const socket = await connect(built.app, '/late', accessToken)
  t.same(await closingOf(socket), [4401, 'UNAUTHORISED'])
})

test('a route that does not ask for it keeps its sockets', async (t) => {
  const built = await socketApp(t)
  const { session, socket } = await openSocket(t, built, '/free')
  await built.app.sessions.revoke(session.handle)
  socket.send('x')
  const [answer] = await once(socket, 'message')
  t.equal(String(answer), 'echo x')
})

test('a store that fails closes nothing and is asked again', async (t) => {
  const store = memoryStore()
  const built = await socketApp(t, { store })
  const { get } = store
  const { session, socket, closed } = await openSocket(t, built, '/soon')
  const failed = new Promise<void>((resolve) => {
    store.get = () => {
      setImmediate(resolve)
      throw new Error('out of order')
    }
  })
  await failed
  t.equal(socket.readyState, WebSocket.OPEN)
  t.match(built.lines[0], /the session of a socket was not checked/)
  store.get = get
  await store.delete([session.handle])
  t.same(await closed, [4401, 'UNAUTHORISED'])
})

test('the app decides how a socket is closed', async (t) => {
  const handled = await socketApp(t)
  handled.app.setWebSocketExceptionHandler('UNAUTHORISED', (_error, socket) =>
    socket.close(4001, 'log in again')
  )
  const second = await openSocket(t, handled, '/late')
  await handled.app.sessions.revoke(second.session.handle)
  t.same(await second.closed, [4001, 'log in again'])
})

test('a session that came in a message holds its socket, too', async (t) => {
  const store = memoryStore()
  const built = await socketApp(t, { store })
  const { app } = built
  app.get('/message', { websocket: true }, (socket) => {
    socket.on('message', async (token) => {
      const { session } = await app.sessions.verify(String(token))
      session.attachSocket(socket, { everySeconds: SOON })
      socket.send(session.userId)
    })
  })
  const { session, accessToken } = await app.sessions.issue({ userId: 'ada' })
  const socket = await connect(app, '/message')
  await once(socket, 'open')
  const { get } = store
  store.get = () => {
    store.get = get
    throw new Error('out of order')
  }
  socket.send(accessToken)
  await once(socket, 'message')
  await app.sessions.revoke(session.handle)
  t.same(await closingOf(socket), [4401, 'UNAUTHORISED'])
})

test('a socket that closes by itself is asked about no more', async (t) => {
  let calls = 0
  const store = memoryStore()
  const { get } = store
  store.get = (handle) => {
    calls++
    return get.call(store, handle)
  }
  const { app } = await socketApp(t, { store })
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const late: ServerSocket[] = []
  const closed = new Promise<void>((resolve) => {
    app.get('/own', { websocket: true }, (socket) => {
      session.attachSocket(socket, { everySeconds: SOON })
      socket.once('close', () => {
        late.push(socket)
        resolve()
      })
      socket.close()
    })
  })
  await connect(app, '/own')
  await closed
  const before = calls
  for (const socket of late) session.attachSocket(socket)
  await new Promise((resolve) => setTimeout(resolve, 5 * SOON * 1000))
  t.equal(calls, before)
})

test('an app that closes lets go of sockets that it leaves open', async (t) => {
  const { app } = await socketApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada' })
  let closes = 0
  const socket = { readyState: 1, close: () => void closes++, once: () => socket }
  session.attachSocket(socket)
  await app.close()
  await app.sessions.revoke(session.handle)
  t.equal(closes, 0)
})

test('an interval that a timer would misread is refused', async (t) => {
  const { app } = await socketApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const socket = { readyState: 1, close: () => {}, once: () => socket }
  for (const everySeconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 86_401])
    t.throws(() => session.attachSocket(socket, { everySeconds }), RangeError)
})

test('a socket closes soon, wherever its session was revoked', async (t) => {
  const store = memoryStore()
  const here = await socketApp(t, { store, revocationInterval: 0.001 })
  const { sessions } = (await socketApp(t, { store, clock: here.clock.read })).app
  const open = async (userId: string) => {
    const { session, accessToken } = await sessions.issue({ userId })
    const socket = await connect(here.app, '/late', accessToken)
    t.teardown(() => socket.terminate())
    const closed = closingOf(socket)
    await once(socket, 'message')
    return { socket, handle: session.handle, closed }
  }
  const [ada, bob, eve] = [await open('ada'), await open('bob'), await open('eve')]
  await sessions.revoke(ada.handle)
  t.same(await ada.closed, [4401, 'UNAUTHORISED'])
  here.clock.advance(60)
  const late = await open('bob')
  await sessions.revokeAll('bob')
  t.same(await bob.closed, [4401, 'UNAUTHORISED'], 'by the entry of its user')
  t.same(await late.closed, [4401, 'UNAUTHORISED'], 'by an entry of its own')
  t.equal(eve.socket.readyState, WebSocket.OPEN)
})

test('a socket that throws when it is closed keeps no session alive, and no other socket open', async (t) => {
  const { app } = await socketApp(t)
  const closed: string[] = []
  const socket = (name: string, close: () => void) => ({
    readyState: 1,
    close() {
      closed.push(name)
      close()
    },
    once: () => socket
  })
  const throwing = () => {
    throw new Error('the socket is gone')
  }
  app.get('/attach', { preHandler: app.verifySession() }, async ({ session }) => {
    session.attachSocket(socket('by request', throwing))
    return 'ok'
  })
  const { session, accessToken } = await app.sessions.issue({ userId: 'ada' })
  session.attachSocket(socket('by token', throwing))
  session.attachSocket(socket('other', () => {}))
  const headers = { authorization: `Bearer ${accessToken}` }
  t.equal((await app.inject({ url: '/attach', headers })).statusCode, 200)
  t.equal(await app.sessions.revoke(session.handle), true)
  t.equal(await app.sessions.info(session.handle), null)
  await new Promise((resolve) => setImmediate(resolve))
  t.same([...new Set(closed)].sort(), ['by request', 'by token', 'other'])
})

test('what is no socket is refused, and not held', async (t) => {
  const { app } = await socketApp(t)
  const { session } = await app.sessions.issue({ userId: 'ada' })
  for (const socket of [undefined, {}, { once: () => {} }, { close: () => {} }])
    t.throws(() => session.attachSocket(socket as never), {
      message: /'session.attachSocket.socket' must be a WebSocket/
    })
  t.equal(await app.sessions.revoke(session.handle), true)
})
