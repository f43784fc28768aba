// A new password ends all other sessions of its user, and so does "log out everywhere".
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { HTTPException, type SupersessionOptions } from '../../lib/index.ts'

const derive = promisify<string, Buffer, number, Buffer>(scrypt)

const text = { type: 'string', minLength: 1, maxLength: 200 } as const
const login = {
  type: 'object',
  required: ['name', 'password'],
  properties: { name: text, password: text }
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

  app.post<Login>('/signup', { schema: { body: login } }, async (request, reply) => {
    const { name, password } = request.body
    const credential = await credentialOf(password)
    // Nothing is waited for in between: of two who ask for a name at once one gets it.
    if (credentials.has(name)) throw new HTTPException(409, 'The name is taken')
    credentials.set(name, credential)
    await app.sessions.create(request, reply, { userId: name })
    return { name }
  })
  app.post<Login>('/login', { schema: { body: login } }, async (request, reply) => {
    const { name, password } = request.body
    await checkPassword(credentials.get(name), password)
    await app.sessions.create(request, reply, { userId: name })
    return { name }
  })

  app.put<{ Body: { password: string; newPassword: string } }>(
    '/password',
    { schema: { body: change }, preHandler: app.verifySession({ checkDatabase: true }) },
    async (request, reply) => {
      const { session, body } = request
      const { userId } = session
      await checkPassword(credentials.get(userId), body.password)
      credentials.set(userId, await credentialOf(body.newPassword))
      const ended = await session.revokeOthers()
      // A new session in place of this one, whose tokens somebody may have copied.
      await app.sessions.create(request, reply, { userId })
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

/** 403 and not 401: the browser SDK takes a 401 for an expired session, and refreshes. */
async function checkPassword(credential: Credential | undefined, password: string): Promise<void> {
  // Somebody who is unknown takes as long as a wrong password.
  const { salt, key } = credential ?? { salt: Buffer.alloc(16), key: Buffer.alloc(32) }
  if (!timingSafeEqual(await derive(password, salt, 32), key))
    throw new HTTPException(403, 'Wrong name or password')
}
