import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import supersession, { HTTPException } from 'fastify-supersession'

const hash = promisify(scrypt)
const credentials = {
  type: 'object',
  required: ['name', 'password'],
  properties: {
    name: { type: 'string', pattern: '^[\\w.@+-]{1,100}$' },
    password: { type: 'string', minLength: 8, maxLength: 200 }
  }
}

export async function buildApp(options = {}) {
  const app = Fastify(options)
  await app.register(supersession)

  // A real app has these in its database.
  const users = new Map()

  app.post('/signup', { schema: { body: credentials } }, async (request, reply) => {
    const { name, password } = request.body
    const salt = randomBytes(16)
    const key = await hash(password, salt, 32)
    // Nothing is waited for in between: of two who ask for a name at once one gets it.
    if (users.has(name)) throw new HTTPException(409, 'The name is taken')
    users.set(name, { salt, key })
    await app.sessions.create(request, reply, { userId: name })
    return reply.code(201).send({ name })
  })

  app.post('/login', { schema: { body: credentials } }, async (request, reply) => {
    const { name, password } = request.body
    // Somebody who is unknown takes as long as a wrong password.
    const user = users.get(name) ?? { salt: Buffer.alloc(16), key: Buffer.alloc(32) }
    const key = await hash(password, user.salt, 32)
    // 403 and not 401: the browser SDK takes a 401 for an expired session, and refreshes.
    if (!timingSafeEqual(key, user.key)) throw new HTTPException(403, 'Wrong name or password')
    await app.sessions.create(request, reply, { userId: name })
    return { name }
  })

  app.get('/me', { preHandler: app.verifySession() }, async (request) => ({
    name: request.session.userId
  }))

  return app
}
