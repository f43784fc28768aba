import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { type RedisKind, RedisServer } from './redis-server.ts'

/** A master and its replicas, on ports of this machine, for one test. */
export interface Replication {
  readonly master: RedisServer
  readonly masterPort: number
  readonly replicas: readonly RedisServer[]
}

/** Resolves when the replicas have what the master has. */
export async function startReplication(
  t: Test,
  kind: RedisKind,
  replicaCount: number
): Promise<Replication> {
  const [masterPort = 0, ...replicaPorts] = await freePorts(1 + replicaCount)
  const start = async (port: number, ...settings: string[]) => {
    const server = await RedisServer.start(kind, '--port', `${port}`, ...settings)
    t.teardown(() => server.stop())
    return server
  }
  const master = await start(masterPort, '--repl-diskless-sync-delay', '0')
  const replicas = await Promise.all(
    replicaPorts.map((port) => start(port, '--replicaof', '127.0.0.1', `${masterPort}`))
  )
  const client = new Redis(masterPort)
  await client.set('first', 'write')
  await client.wait(replicaCount, 0)
  client.disconnect()
  return { master, masterPort, replicas }
}

/** Ports that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
