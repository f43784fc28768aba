// Starlette, "If debug is enabled": a traceback instead of the 500 handler, for developers only.
import Fastify, { type FastifyInstance } from 'fastify'
import errors, { on } from '../../lib/errors/index.ts'

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors, {
    debug: process.env['NODE_ENV'] === 'development',
    exceptionHandlers: [on(500, () => 'not while debugging')]
  })
  app.get('/', async () => {
    throw new TypeError('Look at this line')
  })
  return app
}
