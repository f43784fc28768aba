// The app that the tests of the page are for.
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, options)
  app.get('/plan', { preHandler: app.verifySession() }, async ({ session }) => ({
    plan: session.payload['plan']
  }))
  return app
}
