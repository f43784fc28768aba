// The API at https://api.example.com; the front end is at https://www.example.com.
import cors from '@fastify/cors'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { getAllCORSHeaders } from '../../lib/index.ts'

const body = {
  type: 'object',
  required: ['userId'],
  properties: { userId: { type: 'string', pattern: '^[\\w-]{1,100}$' } }
} as const

export async function buildApi(apiDomain: string, websiteDomain: string): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(cors, {
    origin: websiteDomain,
    credentials: true,
    allowedHeaders: ['content-type', ...getAllCORSHeaders()],
    maxAge: 600
  })
  await app.register(supersession, { appInfo: { apiDomain, websiteDomain } })

  app.post<{ Body: { userId: string } }>('/login', { schema: { body } }, async (request, reply) => {
    // After checking the password.
    await app.sessions.create(request, reply, { userId: request.body.userId })
    return { ok: true }
  })
  app.get('/me', { preHandler: app.verifySession() }, async ({ session: { userId } }) => ({
    userId
  }))
  return app
}
