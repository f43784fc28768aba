/* c8 ignore start: most of these processes are killed before they write their coverage */
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { StoreUnavailableError } from '../../lib/errors/index.ts'
import supersession, { type SessionStore } from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import { type DurableStore, durableStores } from '../builders/durable-stores.ts'
import { NO_STORE } from './exit-codes.ts'
import { machineTime, READ_AT } from './machine-time.ts'

// A process of the app, as in production, on a store that other processes use as well. It tells its
// parent the port that it listens on, and each unhandled rejection.
const [name, address, graceSeconds] = process.argv.slice(2)

process.on('unhandledRejection', (error) => process.send?.({ unhandled: String(error) }))
process.on('disconnect', () => process.exit())

const durable = durableStores.find((one) => one.name === name) as DurableStore
const { store } = durable.connect(String(address))
const readAt = timeOfLastRead(store)
// A slow machine starts slowly, and the store may be down.
const app: FastifyInstance = Fastify({ pluginTimeout: 0 })
try {
  await app.register(supersession, {
    ...FAST_KEYS,
    store,
    refreshGracePeriod: Number(graceSeconds)
  })
} catch (error) {
  if (!(error instanceof StoreUnavailableError)) throw error
  process.exit(NO_STORE)
}
// Before the session is checked, which knows at least what was read until then.
app.addHook('onRequest', async (_request, reply) => {
  reply.header(READ_AT, readAt())
})
addRoutes(app)
app.post<{ Body: { handle: string } }>('/revoke', async ({ body }) => ({
  isRevoked: await app.sessions.revoke(body.handle)
}))
app.post<{ Body: { userId: string } }>('/revoke-all', async ({ body }) => ({
  handles: await app.sessions.revokeAll(body.userId)
}))
await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: (app.server.address() as AddressInfo).port })

/** When the newest look at the revocations of a store began that read all of them. */
function timeOfLastRead(store: SessionStore): () => number {
  const revokedSince = store.revokedSince?.bind(store)
  if (revokedSince === undefined) throw new Error(`${name} keeps no revocations`)
  let startedAt: number | undefined
  let readAt = 0
  store.revokedSince = async (cursor, limit) => {
    startedAt ??= machineTime()
    const page = await Promise.resolve(revokedSince(cursor, limit)).catch((error: unknown) => {
      startedAt = undefined
      throw error
    })
    if (page.isLast) {
      readAt = startedAt
      startedAt = undefined
    }
    return page
  }
  return () => readAt
}
/* c8 ignore stop */
