// Limits for logins and for refreshes.
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'

interface Credentials {
  readonly name: string
  readonly password: string
}

// What is counted by has to be one text.
const credentials = {
  type: 'object',
  required: ['name', 'password'],
  properties: { name: { type: 'string' }, password: { type: 'string' } }
} as const

export async function buildApp(
  isPassword: (credentials: Credentials) => Promise<boolean>,
  options: SupersessionOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  // Before @fastify/rate-limit, which reads what a route asks for as it is declared.
  app.addHook('onRoute', (route) => {
    // That of tenants, too: they have one more part in the path.
    if (/\/session\/refresh\/?$/.test(route.url))
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
    { schema: { body: credentials }, config: { rateLimit: guesses } },
    async (request, reply) => {
      if (!(await isPassword(request.body))) return reply.code(403).send({ detail: 'Wrong' })
      await app.sessions.create(request, reply, { userId: request.body.name })
      return {}
    }
  )
  return app
}
