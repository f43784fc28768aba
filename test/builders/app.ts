import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'
import { TestClock } from '../../lib/testing/index.ts'

/** When tests begin. */
export const START_MS: number = new TestClock().nowMs

/** ES256: its keys are made in less than a millisecond. */
export const FAST_KEYS = { signingAlgorithm: 'ES256' } as const

export interface BuiltApp {
  readonly app: FastifyInstance
  readonly clock: TestClock
}

/**
 * An app with a login, a protected route and the plugin, closed when the test ends.
 *
 * POST /login {userId, accessTokenPayload?, sessionData?}; GET and POST /me.
 */
export async function buildApp(
  t: Test,
  options: SupersessionOptions = {},
  serverOptions: FastifyServerOptions = {}
): Promise<BuiltApp> {
  const clock = new TestClock()
  // No time limit: a busy machine may take long to make keys.
  const app = Fastify({ pluginTimeout: 0, ...serverOptions })
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, clock: clock.read, ...options })
  addRoutes(app)
  return { app, clock }
}

/** The routes of the app under test, in any scope. */
export function addRoutes(app: FastifyInstance): void {
  app.post<{ Body: { userId: string } }>('/login', async (request, reply) => {
    const { handle } = await app.sessions.create(request, reply, request.body)
    return { handle }
  })
  app.route({
    method: ['GET', 'POST', 'HEAD'],
    url: '/me',
    preHandler: app.verifySession(),
    handler: async ({ session: { userId, handle } }) => ({ userId, handle })
  })
}
