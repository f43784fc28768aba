// AWS Lambda, behind an HTTP API of API Gateway.
import awsLambdaFastify, { type PromiseHandler } from '@fastify/aws-lambda'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { type SessionStore } from '../../lib/index.ts'

export interface LambdaApp {
  readonly app: FastifyInstance
  readonly handler: PromiseHandler
}

const body = {
  type: 'object',
  required: ['userId'],
  properties: { userId: { type: 'string', pattern: '^[\\w-]{1,100}$' } }
} as const

/** Called once, while the function starts. */
export async function buildHandler(store: SessionStore): Promise<LambdaApp> {
  const app = Fastify()
  await app.register(supersession, {
    appInfo: { apiDomain: 'https://api.example.com', websiteDomain: 'https://www.example.com' },
    secret: String(process.env['SESSION_SECRET']),
    store,
    signingAlgorithm: 'ES256',
    accessTokenValidity: '10m',
    revocationInterval: 0
  })

  app.post<{ Body: { userId: string } }>('/login', { schema: { body } }, async (request, reply) => {
    // After checking the password.
    await app.sessions.create(request, reply, { userId: request.body.userId })
    return { ok: true }
  })
  app.get('/me', { preHandler: app.verifySession() }, async ({ session, ip }) => {
    return { userId: session.userId, ip }
  })
  const verifyNow = app.verifySession({ checkDatabase: true })
  app.post('/order', { preHandler: verifyNow }, async () => ({ ordered: true }))

  const handler = awsLambdaFastify(app)
  await app.ready()
  return { app, handler }
}
