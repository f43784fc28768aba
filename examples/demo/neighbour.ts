import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'

const POLL_MS = 20

/** How long a second server goes on accepting an access token, in milliseconds. */
export type TimeUntilRefused = (accessToken: string) => Promise<number>

/**
 * A second server. It shares nothing with the first one but the store, which it asks once a second
 * what was revoked.
 */
export async function openNeighbour(
  app: FastifyInstance,
  options: SupersessionOptions
): Promise<TimeUntilRefused> {
  const neighbour = Fastify()
  await neighbour.register(supersession, options)
  neighbour.get('/api/hello', { preHandler: neighbour.verifySession() }, async () => ({}))
  app.addHook('onClose', () => neighbour.close())

  return async (accessToken) => {
    const headers = { authorization: `Bearer ${accessToken}` }
    const begin = performance.now()
    while ((await neighbour.inject({ url: '/api/hello', headers })).statusCode === 200)
      await wait(POLL_MS)
    return performance.now() - begin
  }
}
