// A hand-written error handler, and an Error with its stack.
import Fastify from 'fastify'
import { serve } from './serve.ts'

class StatusError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

serve(async () => {
  const app = Fastify()
  app.setErrorHandler<StatusError>((error, _request, reply) => {
    reply.code(error.statusCode).send({ detail: error.message })
  })
  app.get('/me', async () => {
    throw new StatusError(404, 'Not Found')
  })
  return { app }
})
