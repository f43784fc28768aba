// FastAPI, "Use the RequestValidationError body": the reply shows what was received, for development.
import Fastify, { type FastifyInstance } from 'fastify'
import errors, { RequestValidationError } from '../../lib/errors/index.ts'

const body = {
  type: 'object',
  required: ['title', 'size'],
  properties: { title: { type: 'string' }, size: { type: 'integer' } }
} as const

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors)
  app.setExceptionHandler(RequestValidationError, (error) => ({
    detail: error.errors(),
    body: error.body
  }))
  app.post('/items', { schema: { body } }, async (request) => request.body)
  return app
}
