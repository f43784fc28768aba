import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import supersession, { ErrorReply, HTTPException, on } from '../../lib/index.ts'
import { FAST_KEYS } from '../builders/app.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

type Listen = (options: { port: number }) => Promise<string>

/** An app that speaks HTTP/2 without TLS. @returns Sends it a request over one connection. */
async function startApp(t: Test) {
  const app = Fastify({ http2: true })
  await app.register(supersession, FAST_KEYS)
  app.post('/login', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    return 'ok'
  })
  app.get('/me', { preHandler: app.verifySession() }, async ({ session }) => session.userId)
  return connectTo(t, app)
}

/** Starts an app. @returns Sends it a request over one connection. */
async function connectTo(t: Test, app: { listen: Listen; close(): PromiseLike<unknown> }) {
  const client = connect(await app.listen({ port: 0 }))
  t.teardown(async () => {
    client.close()
    await app.close()
  })
  return (headers: OutgoingHttpHeaders) =>
    new Promise<Answer>((resolve, reject) => {
      const request = client.request(headers).once('error', reject)
      request.once('response', async (answered) => {
        const status = Number(answered[':status'])
        resolve({ status, headers: answered, body: await text(request) })
      })
    })
}

test('sessions in headers work over HTTP/2', async (t) => {
  const send = await startApp(t)
  t.match(await send({ ':path': '/me' }), { status: 401, body: '{"message":"unauthorised"}' })
  t.match(await send({ ':path': '/nowhere' }), { status: 404, body: '{"detail":"Not Found"}' })
  const login = await send({ ':method': 'POST', ':path': '/login', 'st-auth-mode': 'header' })
  t.equal(login.status, 200)
  const refreshed = await send({
    ':method': 'POST',
    ':path': '/auth/session/refresh',
    authorization: `Bearer ${login.headers['st-refresh-token']}`
  })
  t.equal(refreshed.status, 200)
  const authorization = `Bearer ${refreshed.headers['st-access-token']}`
  t.match(await send({ ':path': '/me', authorization }), { status: 200, body: 'ada' })
})

test('sessions in cookies work over HTTP/2', async (t) => {
  const send = await startApp(t)
  const login = await send({ ':method': 'POST', ':path': '/login', 'st-auth-mode': 'cookie' })
  const cookie = login.headers['set-cookie']?.map((line) => line.split(';', 1)[0]).join('; ')
  t.match(await send({ ':path': '/me', cookie }), { status: 200, body: 'ada' })
  const signedOut = await send({ ':method': 'POST', ':path': '/auth/signout', cookie })
  t.equal(signedOut.status, 200)
  t.match(signedOut.headers['set-cookie']?.join(), /sAccessToken=;/)
  t.match(await send({ ':path': '/me', cookie }), { status: 401 })
})

test('a list for a header that has one value goes out in one line', async (t) => {
  const app = Fastify({ http2: true })
  await app.register(supersession, FAST_KEYS)
  app.get('/thrown', async () => {
    throw new HTTPException(429, 'slow', { headers: { 'retry-after': ['1', '2'] } })
  })
  app.get('/before', async (_request, reply) => {
    reply.header('x-content-type-options', ['nosniff', 'nosniff'])
    throw new HTTPException(429)
  })
  const exceptionHandlers = [
    on(429, (_error, _request, reply) => {
      reply.header('age', ['1', '2'])
      return new ErrorReply(429, 'slow', { headers: { 'set-cookie': ['a=1', 'b=2'] } })
    })
  ]
  app.get('/handler', { config: { exceptionHandlers } }, async () => {
    throw new HTTPException(429)
  })
  const send = await connectTo(t, app)
  t.match(await send({ ':path': '/thrown' }), { status: 429, headers: { 'retry-after': '1, 2' } })
  const before = await send({ ':path': '/before' })
  t.equal(before.headers['x-content-type-options'], 'nosniff, nosniff')
  const { headers } = await send({ ':path': '/handler' })
  t.equal(headers['age'], '1, 2')
  t.same(headers['set-cookie'], ['a=1', 'b=2'])
})
