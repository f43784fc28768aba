import type { FastifyInstance } from 'fastify'
import type { Sessions } from '../../types/session.d.ts'

/** What other services read: the public keys and where they are. Public, for every origin. */
export function registerDiscoveryRoutes(app: FastifyInstance, sessions: Sessions): void {
  app.get('/jwt/jwks.json', async (_request, reply) => {
    const { keys, maxAgeSeconds } = await sessions.jwks()
    reply.header('access-control-allow-origin', '*')
    reply.header('cache-control', `max-age=${maxAgeSeconds}, must-revalidate`)
    return { keys }
  })

  app.get('/.well-known/openid-configuration', async (_request, reply) => {
    reply.header('access-control-allow-origin', '*')
    return sessions.discovery()
  })
}
