// FastAPI, "Install custom exception handlers": an own class and a handler for it.
import Fastify, { type FastifyInstance } from 'fastify'
import errors, { on } from '../../lib/errors/index.ts'

class UnicornError extends Error {
  readonly unicorn: string

  constructor(unicorn: string) {
    super('a unicorn did something')
    this.unicorn = unicorn
  }
}

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors, {
    exceptionHandlers: [
      on(UnicornError, (error, _request, reply) => {
        const message = `Oops! ${error.unicorn} did something. There goes a rainbow...`
        return reply.code(418).send({ message })
      })
    ]
  })
  app.get<{ Params: { name: string } }>('/unicorns/:name', async ({ params: { name } }) => {
    if (name === 'yolo') throw new UnicornError(name)
    return { unicorn_name: name }
  })
  return app
}
