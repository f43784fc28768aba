// @fastify/secure-session: the whole session in an encrypted cookie.
import { randomBytes } from 'node:crypto'
import fastifySecureSession from '@fastify/secure-session'
import Fastify from 'fastify'
import { amongForeignCookies } from '../../../.build/bench/requests.js'
import { serve } from '../../../.build/bench/servers/serve.js'
import { logIn } from './log-in.js'

serve(async ({ userIds }) => {
  const app = Fastify()
  await app.register(fastifySecureSession, { key: randomBytes(32), cookie: { path: '/' } })
  app.post('/login', async (request) => {
    request.session.set('userId', request.body.userId)
    return {}
  })
  const onRequest = (request, reply, done) => {
    if (request.session.get('userId') === undefined)
      reply.code(401).send({ message: 'unauthorised' })
    else done()
  }
  app.get('/me', { onRequest }, async ({ session }) => ({ userId: session.get('userId') }))
  const cookies = await logIn(app, userIds)
  return { app, requests: cookies.map((cookie) => ({ cookie: amongForeignCookies(cookie) })) }
})
