// A new password ends all other sessions of its user, and so does "log out everywhere".
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { HTTPException, type SupersessionOptions } from '../../lib/index.ts'

const derive = promisify<string, Buffer, number, Buffer>(scrypt)

interface Credential {
  readonly salt: Buffer
  readonly key: Buffer
}

export async function buildApp(options: SupersessionOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, options)

  // A real app has these in its database.
  const credentials = new Map<string, Credential>()

  app.post<{ Body: { name: string; password: string } }>('/signup', async (request, reply) => {
    const { name, password } = request.body
    if (credentials.has(name)) throw new HTTPException(409, 'The name is taken')
    credentials.set(name, await credentialOf(password))
    await app.sessions.create(request, reply, { userId: name })
    return { name }
  })
  app.post<{ Body: { name: string; password: string } }>('/login', async (request, reply) => {
    const { name, password } = request.body
    await checkPassword(credentials.get(name), password)
    await app.sessions.create(request, reply, { userId: name })
    return { name }
  })

  app.put<{ Body: { password: string; newPassword: string } }>(
    '/password',
    { preHandler: app.verifySession({ checkDatabase: true }) },
    async ({ session, body }) => {
      await checkPassword(credentials.get(session.userId), body.password)
      credentials.set(session.userId, await credentialOf(body.newPassword))
      const ended = await session.revokeOthers()
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
