// A single-page app and its API, served by one Fastify app.
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import supersession, { notFoundHandler } from '../../lib/index.ts'

const userId = { type: 'string', pattern: '^[\\w-]{1,100}$' }
const login = { body: { type: 'object', required: ['userId'], properties: { userId } } }

/** @param root - The folder that the bundler has written, as an absolute path. */
export async function buildApp(root: string): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession)
  await app.register(fastifyStatic, { root, wildcard: false })

  app.post<{ Body: { userId: string } }>(
    '/api/login',
    { schema: login },
    async (request, reply) => {
      // After checking the password.
      await app.sessions.create(request, reply, { userId: request.body.userId })
      return { ok: true }
    }
  )
  app.get('/api/me', { preHandler: app.verifySession() }, async ({ session: { userId } }) => ({
    userId
  }))

  app.setNotFoundHandler((request, reply) =>
    isPage(request) ? reply.sendFile('index.html') : notFoundHandler(request, reply)
  )
  return app
}

/** Whether a browser wants to show a page, whose path is one of the front end's router. */
function isPage({ method, url, headers }: FastifyRequest): boolean {
  return method === 'GET' && !url.startsWith('/api/') && /\btext\/html\b/.test(headers.accept ?? '')
}
