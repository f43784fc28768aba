// An API for a mobile app: tokens travel in headers.
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, {
    accessTokenValidity: '15m',
    refreshTokenValidity: '180d',
    getTokenTransferMethod: () => 'header',
    ...options
  })

  app.post<{ Body: { userId: string } }>('/login', async (request, reply) => {
    // After checking the password.
    await app.sessions.create(request, reply, { userId: request.body.userId })
    return { ok: true }
  })
  app.get('/me', { preHandler: app.verifySession() }, async ({ session: { userId } }) => ({
    userId
  }))
  return app
}
