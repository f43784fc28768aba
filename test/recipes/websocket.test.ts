import { once } from 'node:events'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import { buildApp } from '../../examples/recipes/websocket.ts'
import { FAST_KEYS } from '../builders/app.ts'
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
  return { app, upgrade, enter }
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

test('what a listener throws closes its socket with a code', async (t) => {
  const { enter } = await open(t)
  const socket = await enter('ada')
  const closed = once(socket, 'close')
  socket.send('x'.repeat(501))
  const [code, reason] = await closed
  t.same([code, String(reason)], [1009, 'at most 500 characters'])
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
