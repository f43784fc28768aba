// An API that describes itself, with Swagger UI to try it out.
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, {
  errorResponsesTransform,
  type SupersessionOptions,
  sessionSecuritySchemes
} from '../../lib/index.ts'

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, options)
  await app.register(swagger, {
    openapi: {
      info: { title: 'Shop', version: '1.0.0' },
      components: { securitySchemes: sessionSecuritySchemes }
    },
    transform: errorResponsesTransform(app, { securitySchemes: sessionSecuritySchemes })
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })

  app.post('/login', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    return 'ok'
  })
  app.get('/open', async () => 'ok')

  const preHandler = app.verifySession()
  app.get('/me', { preHandler }, async ({ session }) => ({ user: session.userId }))
  app.post('/rename', { preHandler }, async ({ session }) => ({ renamed: session.userId }))
  return app
}
