// Browsers ask https://example.com/shop/…; a proxy takes off TLS and /shop, and asks this app.
import Fastify, { type FastifyInstance } from 'fastify'
import supersession from '../../lib/index.ts'

const body = {
  type: 'object',
  required: ['userId'],
  properties: { userId: { type: 'string', pattern: '^[\\w-]{1,100}$' } }
} as const

export async function buildApp(): Promise<FastifyInstance> {
  // Whose X-Forwarded headers are believed: the proxy's, and nobody else's.
  const app = Fastify({ trustProxy: '127.0.0.1' })
  await app.register(supersession, {
    appInfo: {
      apiDomain: 'https://example.com',
      websiteDomain: 'https://example.com',
      apiGatewayPath: '/shop'
    },
    accessTokenPath: '/shop',
    recordAddress: true
  })

  app.post<{ Body: { userId: string } }>('/login', { schema: { body } }, async (request, reply) => {
    // After checking the password.
    await app.sessions.create(request, reply, { userId: request.body.userId })
    return { ok: true }
  })
  app.get('/devices', { preHandler: app.verifySession() }, async ({ session }) => {
    const devices = await session.devices()
    return devices.map(({ device }) => device)
  })
  app.post('/order', { preHandler: app.verifySession() }, async () => ({ ordered: true }))
  return app
}
