// FastAPI, "Override the default exception handlers": plain text instead of JSON.
import Fastify, { type FastifyInstance } from 'fastify'
import errors, { HTTPException, on, RequestValidationError } from '../../lib/errors/index.ts'

export const itemSchema = {
  params: { type: 'object', properties: { item_id: { type: 'integer' } } }
} as const

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors, {
    exceptionHandlers: [
      on(HTTPException, (error) => String(error.detail)),
      on(RequestValidationError, (error, _request, reply) => {
        const lines = error.errors().map(({ loc, msg }) => `Field: ${loc.join('.')}, Error: ${msg}`)
        return reply.code(400).send(['Validation errors:', ...lines].join('\n'))
      })
    ]
  })
  app.get<{ Params: { item_id: number } }>(
    '/items/:item_id',
    { schema: itemSchema },
    async ({ params }) => {
      if (params.item_id === 3) throw new HTTPException(418, "Nope! I don't like 3.")
      return { item_id: params.item_id }
    }
  )
  return app
}
