import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import supersession, { memoryStore, type SupersessionOptions } from '../../lib/index.ts'
import { registerApi } from './api.ts'
import { openNeighbour } from './neighbour.ts'
import { registerPage } from './page.ts'
import { registerThief } from './thief.ts'

/** Short lifetimes, in seconds, so that everything can be seen within a minute. */
export const LIFETIMES = {
  accessTokenValidity: 15,
  refreshTokenValidity: 180,
  refreshGracePeriod: 4
}

export interface DemoOptions extends Partial<typeof LIFETIMES> {
  readonly clock?: () => number
  /** More options of the plugin. */
  readonly session?: SupersessionOptions
  readonly server?: FastifyServerOptions
}

/** The demo: one page, its API, a second server, and a thief. */
export async function buildDemo(options: DemoOptions = {}): Promise<FastifyInstance> {
  const { server = {}, session, clock = Date.now, ...lifetimes } = options
  const { accessTokenValidity, refreshTokenValidity, refreshGracePeriod } = {
    ...LIFETIMES,
    ...lifetimes
  }
  const app = Fastify(server)
  const sessionOptions: SupersessionOptions = {
    accessTokenValidity,
    refreshTokenValidity,
    refreshGracePeriod,
    clock,
    store: memoryStore(),
    // For sessions that are begun with a proof. All others stay as they are.
    deviceBinding: 'dpop',
    ...session
  }
  await app.register(supersession, sessionOptions)

  // The page counts down by the server's clock. The visitor's clock may be wrong.
  app.addHook('onSend', async (_request, reply) => {
    reply.header('server-time', clock())
  })
  await registerPage(app)
  registerApi(app, {
    sessionSeconds: refreshTokenValidity,
    waitForRefusal: await openNeighbour(app, sessionOptions)
  })
  registerThief(app, { clock, graceSeconds: refreshGracePeriod })
  return app
}
