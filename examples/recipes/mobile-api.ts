// An API for a mobile app: tokens travel in headers.
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'

const userId = { type: 'string', pattern: '^[\\w-]{1,100}$' }
const login = { body: { type: 'object', required: ['userId'], properties: { userId } } }

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, {
    accessTokenValidity: '15m',
    refreshTokenValidity: '180d',
    getTokenTransferMethod: () => 'header',
    ...options
  })

  app.post<{ Body: { userId: string } }>('/login', { schema: login }, async (request, reply) => {
    // After checking the password.
    await app.sessions.create(request, reply, { userId: request.body.userId })
    return { ok: true }
  })
  app.get('/me', { preHandler: app.verifySession() }, async ({ session: { userId } }) => ({
    userId
  }))
  return app
}
