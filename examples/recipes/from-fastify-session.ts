// Sessions of @fastify/session go over into the new ones with the next request of each user.
import { createRequire } from 'node:module'
import cookie from '@fastify/cookie'
import Fastify, {
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest
} from 'fastify'
import supersession, {
  type Session,
  type SupersessionOptions,
  UnauthorisedError
} from '../../lib/index.ts'

// Without its types: they declare `request.session`, too.
const formerSession: FastifyPluginAsync<Record<string, unknown>> = createRequire(import.meta.url)(
  '@fastify/session'
)

/** While both are there, the former plugin has `request.session` and the new one `request.login`. */
interface Both {
  readonly session: { userId?: string; regenerate(): Promise<void>; destroy(): Promise<void> }
  login: Session | null
}

const userId = { type: 'string', pattern: '^[\\w-]{1,100}$' }
const login = { body: { type: 'object', required: ['userId'], properties: { userId } } }

export async function buildApp(
  secret: string,
  options: SupersessionOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(cookie)
  await app.register(formerSession, {
    secret,
    cookie: { secure: 'auto', sameSite: 'lax' },
    saveUninitialized: false
  })
  await app.register(supersession, {
    requestProperty: 'login',
    getTokenTransferMethod: () => 'cookie',
    ...options
  })

  async function takeOver(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if ((await request.verifySession({ sessionRequired: false })) !== null) return
    const both = request as unknown as Both
    const { userId } = both.session
    if (userId === undefined) throw new UnauthorisedError()
    both.login = await app.sessions.create(request, reply, { userId })
    await both.session.destroy()
  }

  app.get('/me', { preHandler: takeOver }, async (request) => {
    return (request as unknown as Both).login?.userId
  })

  // What the app did before, at a login.
  app.post<{ Body: { userId: string } }>('/former-login', { schema: login }, async (request) => {
    const both = request as unknown as Both
    // Else whoever has planted a cookie of his own in this browser would be logged in as its user.
    await both.session.regenerate()
    both.session.userId = request.body.userId
    return {}
  })
  return app
}
