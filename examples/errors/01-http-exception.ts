// FastAPI, "Use HTTPException" and "Add custom headers": an exception thrown anywhere becomes the reply.
import Fastify, { type FastifyInstance } from 'fastify'
import errors, { HTTPException } from '../../lib/errors/index.ts'

const items: Readonly<Record<string, string>> = { foo: 'The Foo Wrestlers' }

function find(id: string): string {
  const item = items[id]
  if (item === undefined) throw new HTTPException(404, 'Item not found')
  return item
}

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors)
  app.get<{ Params: { id: string } }>('/items/:id', async ({ params }) => ({
    item: find(params.id)
  }))
  app.get<{ Params: { id: string } }>('/items-header/:id', async ({ params }) => {
    const headers = { 'X-Error': 'There goes my error' }
    if (params.id in items) return { item: items[params.id] }
    throw new HTTPException(404, 'Item not found', { headers })
  })
  return app
}
