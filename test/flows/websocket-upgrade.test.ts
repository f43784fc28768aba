import { once } from 'node:events'
import websocket from '@fastify/websocket'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import type { TransferMethod } from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'

const PHASES = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const
const METHODS = ['cookie', 'header'] as const
const failing = { id: 'plan', validate: () => ({ isValid: false }) as const }

/** An app with a WebSocket route per phase, which greets with the user's id; `dial` asks with a token. */
async function socketApp(t: Test) {
  const { app, clock } = await buildApp(t)
  await app.register(websocket)
  for (const phase of PHASES)
    app.get(`/${phase}`, { websocket: true, [phase]: app.verifySession() }, (socket, request) =>
      socket.send(request.session.userId)
    )
  const claims = app.verifySession({ overrideGlobalClaimValidators: () => [failing] })
  app.get('/claims', { websocket: true, preHandler: claims }, () => t.fail('must not run'))
  const origin = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws')
  const dial = (url: string, method: TransferMethod, token = '') =>
    new WebSocket(origin + url, {
      headers:
        method === 'cookie'
          ? { cookie: `sAccessToken=${token}` }
          : { authorization: `Bearer ${token}` }
    })
  return { app, clock, dial }
}

/** What the server answers instead of upgrading. */
async function refusalOf(socket: WebSocket): Promise<[status: number, body: unknown]> {
  // Once more after the reply: that there will be no socket.
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  let body = ''
  for await (const chunk of response) body += chunk
  return [response.statusCode, JSON.parse(body)]
}

async function greetingOf(socket: WebSocket): Promise<string> {
  const [data] = await once(socket, 'message')
  socket.terminate()
  return String(data)
}

for (const method of METHODS) {
  for (const phase of PHASES) {
    test(`by ${method}: a hook in ${phase} lets a WebSocket in with its session, and refuses it over HTTP without`, async (t) => {
      const { app, clock, dial } = await socketApp(t)
      const { accessToken } = await app.sessions.issue({ userId: 'ada' })
      const url = `/${phase}`
      t.equal(await greetingOf(dial(url, method, accessToken)), 'ada')
      t.same(await refusalOf(dial(url, method)), [401, { message: 'unauthorised' }])
      clock.advance(3600)
      t.same(await refusalOf(dial(url, method, accessToken)), [
        401,
        { message: 'try refresh token' }
      ])
    })
  }

  test(`by ${method}: claims that do not pass refuse a WebSocket with 403`, async (t) => {
    const { app, dial } = await socketApp(t)
    const { accessToken } = await app.sessions.issue({ userId: 'ada' })
    t.same(await refusalOf(dial('/claims', method, accessToken)), [
      403,
      { message: 'invalid claim', claimValidationErrors: [{ id: 'plan' }] }
    ])
  })

  test(`by ${method}: a token that is fresh from a refresh opens WebSockets, and the next request renews it`, async (t) => {
    const { app, dial } = await socketApp(t)
    const client = new Client(app, method)
    await client.login()
    await client.refresh()
    // An upgrade has no reply that could bring the client a token: it goes on with the one it has.
    for (let i = 0; i < 2; i++)
      t.equal(await greetingOf(dial('/onRequest', method, client.accessToken)), 'ada')
    t.equal((await client.get('/me')).statusCode, 200)
    t.equal(payloadOf(client.accessToken)['parentRefreshTokenHash1'], null)
  })
}
