/* c8 ignore start: most of these processes are killed before they write their coverage */
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { StoreUnavailableError } from '../../lib/errors/index.ts'
import supersession from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import { type DurableStore, durableStores } from '../builders/durable-stores.ts'
import { NO_STORE } from './exit-codes.ts'

// A process of the app, as in production, on a store that other processes use as well. It tells its
// parent the port that it listens on, and each unhandled rejection.
const [name, address, graceSeconds] = process.argv.slice(2)

process.on('unhandledRejection', (error) => process.send?.({ unhandled: String(error) }))
process.on('disconnect', () => process.exit())

const durable = durableStores.find((one) => one.name === name) as DurableStore
const { store } = durable.connect(String(address))
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
addRoutes(app)
await app.listen({ host: '127.0.0.1', port: 0 })
process.send?.({ port: (app.server.address() as AddressInfo).port })
/* c8 ignore stop */
