// Starlette, "Errors and handled exceptions": work after the reply fails, and the reply stays as it is.
import { subscribe } from 'node:diagnostics_channel'
import Fastify, { type FastifyInstance } from 'fastify'
import errors, { afterResponse, type ExceptionMessage } from '../../lib/errors/index.ts'

export async function build(onLate: (error: unknown) => void): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors)
  subscribe('fastify-supersession:exception', (message) => {
    const { kind, error } = message as ExceptionMessage
    if (kind === 'late') onLate(error)
  })
  app.post('/sign-up', async (_request, reply) => {
    afterResponse(reply, async () => {
      throw new Error('the mail server is down')
    })
    return { signedUp: true }
  })
  return app
}
