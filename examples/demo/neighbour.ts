import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'

const POLL_MS = 20

export interface Refusal {
  readonly afterMs: number
  /** The code of the error: `revoked`, or `expired` where the token ended by itself. */
  readonly reason: string | undefined
}

/** Shows an access token to a second server until that refuses it. */
export type WaitForRefusal = (accessToken: string) => Promise<Refusal>

/**
 * A second server. It shares nothing with the first one but the store, which it asks once a second
 * what was revoked.
 */
export async function openNeighbour(
  app: FastifyInstance,
  options: SupersessionOptions
): Promise<WaitForRefusal> {
  const neighbour = Fastify()
  await neighbour.register(supersession, options)
  await neighbour.ready()
  app.addHook('onClose', () => neighbour.close())

  return async (accessToken) => {
    const begin = performance.now()
    for (;;) {
      try {
        await neighbour.sessions.verify(accessToken)
      } catch (error) {
        const { reason } = error as { readonly reason?: string }
        return { afterMs: performance.now() - begin, reason }
      }
      await wait(POLL_MS)
    }
  }
}
