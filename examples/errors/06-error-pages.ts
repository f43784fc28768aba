// Starlette, "Exceptions": pages for 404 and 500 by status, everything else by class.
import Fastify, { type FastifyInstance } from 'fastify'
import errors, { ErrorReply, HTTPException, on } from '../../lib/errors/index.ts'

const type = 'text/html; charset=utf-8'

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors, {
    exceptionHandlers: [
      on(404, () => new ErrorReply(404, '<h1>This page went missing</h1>', { type })),
      // Also for errors that no other handler takes, unless there is a handler of Error.
      on(500, () => new ErrorReply(500, '<h1>Something broke</h1>', { type })),
      // The exception's headers are on the reply already.
      on(HTTPException, (error) => ({ error: error.detail }))
    ]
  })
  app.get('/broken', async () => {
    throw new Error('the reason is in the log')
  })
  app.get('/secret', async () => {
    throw new HTTPException(401, 'Who are you?', { headers: { 'www-authenticate': 'Basic' } })
  })
  return app
}
