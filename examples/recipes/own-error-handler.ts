// The app's own error handlers, beside those of the plugin.
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import supersession, { HTTPException, on } from '../../lib/index.ts'

class OutOfStockError extends Error {}

export async function buildApp(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, {
    exceptionHandlers: [on(HTTPException, answerWithStatus), on(Error, answerUnknown)]
  })

  app.get('/me', { preHandler: app.verifySession() }, async ({ session }) => session.userId)
  app.get('/items/:id', async () => {
    throw new HTTPException(404, 'no such item')
  })
  app.get('/broken', async () => {
    throw new Error('connection string: secret')
  })

  // A scope may keep a handler of Fastify's kind. What it throws goes on to the plugin.
  await app.register(async (orders) => {
    orders.setErrorHandler((error, _request, reply) => {
      if (error instanceof OutOfStockError) return reply.code(409).send({ code: 'OUT_OF_STOCK' })
      throw error
    })
    orders.post('/orders', { preHandler: app.verifySession() }, async () => {
      throw new OutOfStockError()
    })
  })
  return app
}

function answerWithStatus(error: HTTPException, _request: FastifyRequest, reply: FastifyReply) {
  return reply.code(error.statusCode).send({ code: `HTTP_${error.statusCode}`, text: error.detail })
}

function answerUnknown(_error: Error, { id }: FastifyRequest, reply: FastifyReply) {
  return reply.code(500).send({ code: 'INTERNAL', request: id })
}
