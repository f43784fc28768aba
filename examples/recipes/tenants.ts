// Several customers in one app, each with users of its own.
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { HTTPException, type SupersessionOptions } from '../../lib/index.ts'

// A real app has these in its database. In a plain object there is a `constructor`, too.
const TENANTS: ReadonlySet<string> = new Set(['red', 'blue'])

const body = {
  type: 'object',
  required: ['userId'],
  properties: { userId: { type: 'string', pattern: '^[\\w-]{1,100}$' } }
} as const

interface OfTenant {
  Params: { tenant: string }
}

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, options)

  await app.register(
    async (tenant) => {
      tenant.addHook<OfTenant>('onRequest', async ({ params }) => {
        if (!TENANTS.has(params.tenant)) throw new HTTPException(404, 'No such tenant')
      })
      tenant.post<OfTenant & { Body: { userId: string } }>(
        '/login',
        { schema: { body } },
        async (request, reply) => {
          // After checking the password among the users of this tenant.
          await tenant.sessions.create(request, reply, {
            userId: request.body.userId,
            tenantId: request.params.tenant
          })
          return {}
        }
      )

      await tenant.register(async (members) => {
        members.addHook('preHandler', members.verifySession())
        members.addHook<OfTenant>('preHandler', async ({ session, params }) => {
          if (session.tenantId !== params.tenant) throw new HTTPException(403, 'Another tenant')
        })
        members.get('/me', async ({ session }) => ({
          tenant: session.tenantId,
          userId: session.userId
        }))
        members.post('/logout-everywhere', async ({ session }) => {
          const { userId, tenantId } = session
          const ended = await members.sessions.revokeAll(userId, { tenantId })
          return { ended: ended.length }
        })
      })
    },
    { prefix: '/t/:tenant' }
  )
  return app
}
