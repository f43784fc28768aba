// better-auth with its sessions in memory, behind a route of Fastify.
import { createHmac, randomBytes } from 'node:crypto'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { fromNodeHeaders } from 'better-auth/node'
import Fastify from 'fastify'
import { amongForeignCookies } from '../../../.build/bench/requests.js'
import { serve } from '../../../.build/bench/servers/serve.js'

serve(async ({ userIds }) => {
  const secret = randomBytes(32).toString('hex')
  const storage = new Map()
  const auth = betterAuth({
    secret,
    baseURL: 'http://localhost:3000',
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
    // Its adapter for memory looks through all sessions; this is a look-up, as of a Redis.
    secondaryStorage: {
      get: (key) => storage.get(key) ?? null,
      set: (key, value) => void storage.set(key, value),
      delete: (key) => void storage.delete(key)
    },
    rateLimit: { enabled: false },
    telemetry: { enabled: false }
  })
  const { internalAdapter, authCookies } = await auth.$context
  const { name } = authCookies.sessionToken
  const cookies = []
  for (const id of userIds) {
    await internalAdapter.createUser({ id, email: `${id}@example.com`, name: id })
    const { token } = await internalAdapter.createSession(id)
    const signature = createHmac('sha256', secret).update(token).digest('base64')
    cookies.push(`${name}=${encodeURIComponent(`${token}.${signature}`)}`)
  }

  const app = Fastify()
  app.decorateRequest('auth', null)
  const onRequest = async (request, reply) => {
    request.auth = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) })
    if (request.auth === null) reply.code(401).send({ message: 'unauthorised' })
  }
  app.get('/me', { onRequest }, async (request) => ({ userId: request.auth.user.id }))
  return { app, requests: cookies.map((cookie) => ({ cookie: amongForeignCookies(cookie) })) }
})
