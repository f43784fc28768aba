import { once } from 'node:events'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import { buildApp } from '../../examples/recipes/websocket.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { refuseBadLogins } from '../builders/bad-logins.ts'
import { Client } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'

/** The chat, and how it is entered. */
async function open(t: Test) {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const upgrade = (headers: Record<string, string>) =>
    new WebSocket(`${url.replace('http', 'ws')}/chat`, { headers })
  const enter = async (userId: string) => {
    const client = new Client(app, 'header')
    await client.login(userId)
    const socket = upgrade({ authorization: `Bearer ${client.accessToken}` })
    await once(socket, 'open')
    return socket
  }
  /** The server's ends, in the order in which they were opened. */
  const ends = () => [...app.websocketServer.clients]
  return { app, upgrade, enter, ends }
}

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/websocket.md')
})

test('who is logged in hears what others say', async (t) => {
  const { upgrade, enter } = await open(t)
  const foreign = { origin: 'https://evil.test', cookie: 'sAccessToken=any' }
  for (const [headers, status] of [
    [{}, /401/],
    [foreign, /403/]
  ] as const) {
    const [error] = await once(upgrade(headers), 'error').catch((thrown) => [thrown])
    t.match(error.message, status)
  }
  const [ada, bob] = [await enter('ada'), await enter('bob')]
  const heard = once(bob, 'message')
  ada.send('hello')
  const [data] = await heard
  t.equal(String(data), 'ada: hello')
})

test('a login without a user of any use is 422', async (t) => {
  const { app } = await open(t)
  await refuseBadLogins(t, app)
})

test('a message that is too long closes its socket with a code', async (t) => {
  const { enter } = await open(t)
  const closingAfter = async (length: number) => {
    const socket = await enter('ada')
    const closed = once(socket, 'close')
    socket.send('x'.repeat(length))
    const [code, reason] = await closed
    return `${code} ${reason}`
  }
  t.equal(await closingAfter(501), '1009 at most 500 characters')
  // The system drops the close frame where it comes before all of the message was taken.
  t.match(await closingAfter(64 * 1024 + 1), /^(1009|1006) $/)
})

test('a client that does not read is cut off, and keeps no memory', async (t) => {
  const { enter, ends } = await open(t)
  const [ada, idle] = [await enter('ada'), await enter('idle')]
  idle.on('error', () => {})
  idle.pause()
  const text = '€'.repeat(500)
  // In all more than the system takes for a socket, which is megabytes; at a time less than the limit.
  for (let round = 0; round < 300 && ends().length > 1; round++) {
    let left = 100
    const heard = new Promise<void>((resolve) => {
      const count = () => {
        if (--left > 0) return
        ada.off('message', count)
        resolve()
      }
      ada.on('message', count)
    })
    for (let sent = 0; sent < 100; sent++) ada.send(text)
    await heard
  }
  t.equal(ends().length, 1)
  t.equal(ada.readyState, ada.OPEN)
  idle.terminate()
})

test('a socket is closed with its session, those of others stay open', async (t) => {
  const { app, enter } = await open(t)
  const [ada, bob] = [await enter('ada'), await enter('bob')]
  const closed = once(ada, 'close')
  await app.sessions.revokeAll('ada')
  const [code, reason] = await closed
  t.same([code, String(reason)], [4401, 'UNAUTHORISED'])
  t.equal(bob.readyState, bob.OPEN)
})

test('a client that ignores the close frame is heard no more', async (t) => {
  const { app, enter, ends } = await open(t)
  for (const end of [
    async () => void (await app.sessions.revokeAll('eve')),
    async (eve: WebSocket) => eve.send('x'.repeat(501))
  ]) {
    const [eve, bob] = [await enter('eve'), await enter('bob')]
    const [eveEnd, bobEnd] = ends() as [WebSocket, WebSocket]
    const heard: string[] = []
    bob.on('message', (data) => heard.push(String(data)))
    // The client's own answer.
    const told = new Promise<void>((resolve) => Object.assign(eve, { close: () => resolve() }))
    await end(eve)
    await told
    t.equal(eveEnd.readyState, eveEnd.CLOSING)
    const arrived = once(eveEnd, 'message')
    eve.send('still here')
    await arrived
    const answered = once(bob, 'message')
    bob.send('hello')
    await answered
    t.same(heard, ['bob: hello'])
    const left = Promise.all([once(eveEnd, 'close'), once(bobEnd, 'close')])
    eve.terminate()
    bob.terminate()
    await left
  }
})
