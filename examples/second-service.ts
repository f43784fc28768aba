// A second service accepts the access tokens of the first. It knows who issues them and no secret.
import Fastify, { type FastifyInstance } from 'fastify'
import verifier from '../lib/verifier/index.ts'

export async function buildBilling(issuer: string): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(verifier, { issuer })
  app.get('/invoices', { preHandler: app.verifySession() }, async ({ session }) => {
    return { userId: session.userId, plan: session.payload['plan'] }
  })
  return app
}
