import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { freePort } from './free-port.ts'
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
  const [masterPort = 0, ...replicaPorts] = await Promise.all(
    Array.from({ length: 1 + replicaCount }, () => freePort())
  )
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
