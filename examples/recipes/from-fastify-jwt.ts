// Tokens of @fastify/jwt are good until they expire, and are exchanged for sessions meanwhile.
import jwt from '@fastify/jwt'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { HTTPException, type SupersessionOptions } from '../../lib/index.ts'

export async function buildApp(
  secret: string,
  options: SupersessionOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(jwt, { secret, sign: { expiresIn: '1h' } })
  await app.register(supersession, options)

  // For clients with a token of before, for as long as there are any.
  app.post('/exchange', async (request, reply) => {
    const { id } = await request.jwtVerify<{ id?: unknown }>()
    if (typeof id !== 'string' || id === '') throw new HTTPException(401, 'No token of a login')
    await app.sessions.create(request, reply, { userId: id })
    return {}
  })

  app.get('/me', { preHandler: app.verifySession() }, async ({ session }) => session.userId)
  return app
}
