// Limits for logins and for refreshes.
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import supersession, { HTTPException, type SupersessionOptions } from '../../lib/index.ts'

interface Credentials {
  readonly name: string
  readonly password: string
}

// Short, and without letters that look alike: names that are counted apart are different users.
const credentials = {
  type: 'object',
  required: ['name', 'password'],
  properties: {
    name: { type: 'string', pattern: '^[\\w.@+-]{1,100}$' },
    password: { type: 'string', maxLength: 200 }
  }
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

  const byAddress = app.createRateLimit({ max: 100, timeWindow: '15 minutes' })
  async function limitAddress(request: FastifyRequest): Promise<void> {
    const limit = await byAddress(request)
    if (limit.isAllowed || !limit.isExceeded) return
    throw new HTTPException(429, undefined, { headers: { 'retry-after': `${limit.ttlInSeconds}` } })
  }

  const nameOf = ({ body }: FastifyRequest) => (body as Credentials).name.toLowerCase()
  const byName = {
    max: 5,
    timeWindow: '15 minutes',
    // When the body is there.
    hook: 'preHandler' as const,
    keyGenerator: nameOf,
    // How many names are counted. One more, and that which was not seen for longest is forgotten.
    cache: 100_000
  }
  app.post<{ Body: Credentials }>(
    '/login',
    { onRequest: limitAddress, schema: { body: credentials }, config: { rateLimit: byName } },
    async (request, reply) => {
      const name = nameOf(request)
      const { password } = request.body
      if (!(await isPassword({ name, password }))) throw new HTTPException(403, 'Wrong')
      await app.sessions.create(request, reply, { userId: name })
      return {}
    }
  )
  return app
}
