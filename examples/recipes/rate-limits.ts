// Limits for logins and for refreshes.
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'

interface Credentials {
  readonly name: string
  readonly password: string
}

export async function buildApp(
  isPassword: (credentials: Credentials) => Promise<boolean>,
  options: SupersessionOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  // Before @fastify/rate-limit, which reads what a route asks for as it is declared.
  app.addHook('onRoute', (route) => {
    if (route.url === '/auth/session/refresh')
      route.config = { ...route.config, rateLimit: { max: 60, timeWindow: '1 minute' } }
  })
  await app.register(rateLimit, { global: false })
  await app.register(supersession, options)

  const guesses = {
    max: 5,
    timeWindow: '15 minutes',
    // When the body is there.
    hook: 'preHandler' as const,
    keyGenerator: ({ body }: FastifyRequest) => (body as Credentials).name
  }
  app.post<{ Body: Credentials }>(
    '/login',
    { config: { rateLimit: guesses } },
    async (request, reply) => {
      if (!(await isPassword(request.body))) return reply.code(403).send({ detail: 'Wrong' })
      await app.sessions.create(request, reply, { userId: request.body.name })
      return {}
    }
  )
  return app
}
