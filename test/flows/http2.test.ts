import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import supersession from '../../lib/index.ts'
import { FAST_KEYS } from '../builders/app.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An app that speaks HTTP/2 without TLS. @returns Sends it a request over one connection. */
async function startApp(t: Test) {
  const app = Fastify({ http2: true })
  await app.register(supersession, FAST_KEYS)
  app.post('/login', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    return 'ok'
  })
  app.get('/me', { preHandler: app.verifySession() }, async ({ session }) => session.userId)
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
