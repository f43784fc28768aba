import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'

interface Built {
  readonly app: FastifyInstance
  /** Headers of requests with sessions that the server made itself. */
  readonly requests?: readonly Record<string, string>[]
}

/** Builds the app that the parent process orders, tells it the port, and ends with the parent. */
export function serve<T>(build: (order: T) => Promise<Built>): void {
  process.once('disconnect', () => process.exit())
  process.once('message', async (order: T) => {
    const { app, requests = [] } = await build(order)
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    process.send?.({ port, requests })
  })
}
