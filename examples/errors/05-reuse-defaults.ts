// FastAPI, "Reuse FastAPI's exception handlers": an own step, then the default handler.
import Fastify, { type FastifyInstance } from 'fastify'
import errors, {
  HTTPException,
  httpExceptionHandler,
  on,
  RequestValidationError
} from '../../lib/errors/index.ts'
import { itemSchema } from './03-override-defaults.ts'

export async function build(seen: string[] = []): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors, {
    exceptionHandlers: [
      on(HTTPException, (error, request) => {
        seen.push(`OMG! An HTTP error!: ${error}`)
        return httpExceptionHandler(error, request)
      }),
      // The same without naming the default: `next()` calls the handler that comes after this one.
      on(RequestValidationError, (error, _request, _reply, context) => {
        seen.push(`OMG! The client sent invalid data!: ${error.errors().length}`)
        return context.next()
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
