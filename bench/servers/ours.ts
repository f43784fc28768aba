// The plugin.
import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, {
  HTTPException,
  memoryStore,
  on,
  type SessionRecord,
  type StoredKey
} from '../../lib/index.ts'
import { lmdbStore } from '../../lib/stores/lmdb.ts'
import { benchValidators } from '../claims.ts'
import { type ExpiredToken, SECRET } from '../mint.ts'
import { serve } from './serve.ts'

export interface OursOrder {
  /** One of each kind. */
  readonly keys: readonly StoredKey[]
  /** Sessions for the store; a route that does not ask it needs none. */
  readonly records?: readonly SessionRecord[]
  readonly route?: 'verified' | 'open' | 'failing'
  readonly checkDatabase?: boolean
  readonly checkAntiCsrf?: boolean
  /** How many claim validators run. */
  readonly validators?: number
  /** Folder of the LMDB store. Without it sessions are in memory. */
  readonly lmdb?: string
  readonly cacheMB?: number
  /** 0: revocations are not looked for. As the plugin by default. */
  readonly revocationInterval?: number
  /** How many sessions are known to be revoked. */
  readonly revoked?: number
  /** A token that was seen while it was valid. */
  readonly seen?: ExpiredToken
  /** In how many scopes inside of one another the route is. */
  readonly depth?: number
  /** How many sockets are open that close with their sessions. */
  readonly sockets?: number
  /** How many classes of errors have a handler. */
  readonly handlers?: number
}

serve(async (order: OursOrder) => {
  const store = order.lmdb === undefined ? memoryStore() : lmdbStore({ path: order.lmdb })
  for (const key of order.keys) await store.addKey(key, null)
  await Promise.all((order.records ?? []).map((record) => store.insert(record)))

  const { seen, revoked = 0 } = order
  const until = Date.now() + 3_600_000
  const revocations = Array.from({ length: revoked }, () => ({ handle: randomUUID(), until }))
  await store.addRevocations?.(revocations)
  let clock = () => seen?.goodAtMs ?? Date.now()

  const app = Fastify()
  await app.register(supersession, {
    store,
    antiCsrf: 'VIA_TOKEN',
    // Only where it is needed, so that the others run as an app does.
    ...(seen === undefined ? {} : { clock: () => clock() }),
    globalClaimValidators: benchValidators(order.validators ?? 0),
    revocationInterval: order.revocationInterval ?? '1s',
    exceptionHandlers: Array.from({ length: order.handlers ?? 0 }, () =>
      on(class extends Error {}, (_error, _request, reply) => reply.send({}))
    ),
    secret: SECRET,
    ...(order.cacheMB === undefined ? {} : { accessTokenCacheMB: order.cacheMB })
  })
  await inScopes(app, order.depth ?? 0, (scope) => declareRoute(scope, order))
  await openSockets(app, order.sockets ?? 0)
  if (seen !== undefined) {
    await app.inject({ url: '/me', headers: { authorization: `Bearer ${seen.text}` } })
    clock = Date.now
  }
  return { app }
})

function declareRoute(
  scope: FastifyInstance,
  { route = 'verified', checkDatabase = false, checkAntiCsrf = false }: OursOrder
): void {
  if (route === 'verified') {
    const onRequest = scope.verifySession({ checkDatabase, antiCsrfCheck: checkAntiCsrf })
    scope.get('/me', { onRequest }, async ({ session }) => ({ userId: session.userId }))
  }
  if (route === 'open') {
    const userId = randomUUID()
    scope.get('/me', async () => ({ userId }))
  }
  if (route === 'failing')
    scope.get('/me', async () => {
      throw new HTTPException(404)
    })
}

async function inScopes(
  scope: FastifyInstance,
  depth: number,
  declare: (scope: FastifyInstance) => void
): Promise<void> {
  if (depth === 0) declare(scope)
  else await scope.register(async (child) => inScopes(child, depth - 1, declare))
}

async function openSockets(app: FastifyInstance, count: number): Promise<void> {
  for (let opened = 0; opened < count; opened++) {
    const { session } = await app.sessions.issue({ userId: randomUUID() })
    session.attachSocket({ readyState: 1, close() {}, once() {} })
  }
}
