// An app that was there before. What came with the plugin is marked as new.
import cookie from '@fastify/cookie'
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import supersession, { SessionError, type SupersessionOptions } from '../../lib/index.ts'

const credentials = {
  type: 'object',
  required: ['name', 'password'],
  properties: { name: { type: 'string' }, password: { type: 'string', maxLength: 200 } }
} as const

interface Login {
  Body: { name: string; password: string }
}

/** Of the app's own table of users; `null` where name or password is wrong. */
type FindUser = (name: string, password: string) => Promise<{ readonly id: number } | null>

export async function buildApp(
  findUser: FindUser,
  options: SupersessionOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(cookie)
  // New: with await, before all routes. Clients go on seeing Fastify's statuses and bodies.
  await app.register(supersession, { compat: 'fastify', methodNotAllowed: false, ...options })

  // New: a scope around what was there, so that its handler of errors is not that of the plugin.
  await app.register(
    async (api) => {
      api.setErrorHandler<FastifyError>((error, _request, reply) => {
        // New: front ends know the form of these.
        if (error instanceof SessionError) throw error
        const status = error.statusCode ?? 500
        return reply.code(status).send({ error: status < 500 ? error.message : 'broken' })
      })

      api.post<Login>('/login', { schema: { body: credentials } }, async (request, reply) => {
        const user = await findUser(request.body.name, request.body.password)
        if (user === null) return reply.code(403).send({ error: 'wrong name or password' })
        reply.setCookie('theme', 'dark', { path: '/' })
        // New: the password was right, and the reply is not sent yet.
        await api.sessions.create(request, reply, { userId: String(user.id) })
        return { id: user.id }
      })

      // New: the hook, and where the id comes from.
      api.get('/me', { preHandler: api.verifySession() }, async ({ session, cookies }) => ({
        id: Number(session.userId),
        theme: cookies['theme']
      }))
    },
    { prefix: '/api' }
  )
  return app
}
