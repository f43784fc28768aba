import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { on, type SupersessionOptions } from '../../lib/index.ts'
import type { TestClock } from '../../lib/testing/index.ts'
import verifier, { type VerifierOptions } from '../../lib/verifier/index.ts'
import { buildApp } from './app.ts'

export interface Services {
  /** Issues tokens, and listens on a loopback address. */
  readonly issuer: FastifyInstance
  /** Verifies them: GET and POST /orders. */
  readonly orders: FastifyInstance
  readonly clock: TestClock
  readonly jwksUri: string
  /** How often the issuer was asked for its keys. */
  readonly fetches: () => number
}

/** What `issuerOf` and `ordersOf` answer where a session is refused, alike. */
export const tellingHandlers = (
  ['UNAUTHORISED', 'TRY_REFRESH_TOKEN', 'INVALID_CLAIMS'] as const
).map((name) =>
  on(name, (error, _request, reply) =>
    reply.code(name === 'INVALID_CLAIMS' ? 403 : 401).send({ type: name, reason: error.reason })
  )
)

/** A service that issues tokens, and a second one that verifies them by its JWKS. */
export async function buildServices(
  t: Test,
  {
    issuer: issuerOptions = {},
    orders: ordersOptions = {}
  }: { issuer?: SupersessionOptions; orders?: Partial<VerifierOptions> } = {}
): Promise<Services> {
  let fetches = 0
  const { app: issuer, clock } = await buildApp(t, {
    exceptionHandlers: tellingHandlers,
    override: {
      apis: (original) => ({
        ...original,
        jwksGET: async (request, reply) => {
          fetches++
          return original.jwksGET?.(request, reply)
        }
      })
    },
    ...issuerOptions
  })
  const origin = await issuer.listen({ host: '127.0.0.1', port: 0 })
  const jwksUri = `${origin}/auth/jwt/jwks.json`
  const orders = await buildOrders(t, { jwksUri, clock: clock.read, ...ordersOptions })
  return { issuer, orders, clock, jwksUri, fetches: () => fetches }
}

/** A service that verifies. */
export async function buildOrders(
  t: Test,
  options: Partial<VerifierOptions>
): Promise<FastifyInstance> {
  const orders = Fastify()
  t.teardown(() => orders.close())
  await orders.register(verifier, {
    issuer: 'http://localhost:3000/auth',
    exceptionHandlers: tellingHandlers,
    ...options
  })
  orders.route({
    method: ['GET', 'POST'],
    url: '/orders',
    preHandler: orders.verifySession(),
    handler: async ({ session: { userId, handle, tenantId, payload } }) => ({
      userId,
      handle,
      tenantId,
      plan: payload['plan']
    })
  })
  return orders
}
