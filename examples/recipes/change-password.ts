// A new password ends all other sessions of its user, and so does "log out everywhere".
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import supersession, { HTTPException, type SupersessionOptions } from '../../lib/index.ts'

const derive = promisify<string, Buffer, number, Buffer>(scrypt)

const name = { type: 'string', pattern: '^[\\w.@+-]{1,100}$' } as const
const text = { type: 'string', minLength: 1, maxLength: 200 } as const
const login = {
  type: 'object',
  required: ['name', 'password'],
  properties: { name, password: text }
} as const
const change = {
  type: 'object',
  required: ['password', 'newPassword'],
  properties: { password: text, newPassword: text }
} as const

interface Login {
  Body: { name: string; password: string }
}

interface Credential {
  readonly salt: Buffer
  readonly key: Buffer
}

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, options)

  // A real app has these in its database.
  const credentials = new Map<string, Credential>()

  /** A session for a password. One that a change has made wrong meanwhile is worth none. */
  async function logIn(
    request: FastifyRequest,
    reply: FastifyReply,
    userId: string,
    credential: Credential
  ): Promise<void> {
    const session = await app.sessions.create(request, reply, { userId })
    if (credentials.get(userId) === credential) return
    await session.revoke()
    throw wrongPassword()
  }

  app.post<Login>('/signup', { schema: { body: login } }, async (request, reply) => {
    const { name, password } = request.body
    const credential = await credentialOf(password)
    // Nothing is waited for in between: of two who ask for a name at once one gets it.
    if (credentials.has(name)) throw new HTTPException(409, 'The name is taken')
    credentials.set(name, credential)
    await logIn(request, reply, name, credential)
    return { name }
  })
  app.post<Login>('/login', { schema: { body: login } }, async (request, reply) => {
    const { name, password } = request.body
    const credential = await checkPassword(credentials.get(name), password)
    await logIn(request, reply, name, credential)
    return { name }
  })

  app.put<{ Body: { password: string; newPassword: string } }>(
    '/password',
    { schema: { body: change }, preHandler: app.verifySession({ checkDatabase: true }) },
    async (request, reply) => {
      const { session, body } = request
      const { userId } = session
      const former = await checkPassword(credentials.get(userId), body.password)
      const credential = await credentialOf(body.newPassword)
      // Of two changes at once, too, one wins.
      if (credentials.get(userId) !== former) throw wrongPassword()
      credentials.set(userId, credential)
      const ended = await session.revokeOthers()
      // A new session in place of this one, whose tokens somebody may have copied.
      await logIn(request, reply, userId, credential)
      return { ended: ended.length }
    }
  )

  app.post('/logout-everywhere', { preHandler: app.verifySession() }, async ({ session }) => {
    await session.revokeOthers()
    await session.revoke()
    return {}
  })

  app.get('/me', { preHandler: app.verifySession() }, async ({ session }) => session.userId)
  return app
}

async function credentialOf(password: string): Promise<Credential> {
  const salt = randomBytes(16)
  return { salt, key: await derive(password, salt, 32) }
}

/** Somebody who is unknown takes as long as a wrong password. */
async function checkPassword(
  credential: Credential = { salt: Buffer.alloc(16), key: Buffer.alloc(32) },
  password: string
): Promise<Credential> {
  const { salt, key } = credential
  if (!timingSafeEqual(await derive(password, salt, 32), key)) throw wrongPassword()
  return credential
}

/** 403 and not 401: the browser SDK takes a 401 for an expired session, and refreshes. */
function wrongPassword(): HTTPException {
  return new HTTPException(403, 'Wrong name or password')
}
