// @fastify/session with its own store, in memory.
import { randomBytes } from 'node:crypto'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import Fastify from 'fastify'
import { amongForeignCookies } from '../../../.build/bench/requests.js'
import { serve } from '../../../.build/bench/servers/serve.js'
import { logIn } from './log-in.js'

serve(async ({ userIds }) => {
  const app = Fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret: randomBytes(32).toString('hex'),
    cookie: { secure: false },
    // Its default sets the cookie again with every answer, which nobody else here does.
    rolling: false
  })
  app.post('/login', async (request) => {
    request.session.userId = request.body.userId
    return {}
  })
  const onRequest = (request, reply, done) => {
    if (request.session.userId === undefined) reply.code(401).send({ message: 'unauthorised' })
    else done()
  }
  app.get('/me', { onRequest }, async ({ session }) => ({ userId: session.userId }))
  const cookies = await logIn(app, userIds)
  return { app, requests: cookies.map((cookie) => ({ cookie: amongForeignCookies(cookie) })) }
})
