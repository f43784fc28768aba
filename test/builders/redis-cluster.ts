import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePorts } from './redis-replication.ts'
import { type RedisKind, RedisServer } from './redis-server.ts'

const SHARDS = 3
const SLOTS = 16_384

/** A cluster of three masters, each with a replica, on ports of this machine. Needs Redis 7 or Valkey. */
export class RedisCluster {
  /** Masters in front, as long as none has failed. */
  readonly servers: readonly RedisServer[]
  readonly ports: readonly number[]

  private constructor(servers: readonly RedisServer[], ports: readonly number[]) {
    this.servers = servers
    this.ports = ports
  }

  /** Resolves when it answers, and each master has a replica. */
  static async start(kind: RedisKind, ...settings: string[]): Promise<RedisCluster> {
    const ports = await freePorts(4 * SHARDS)
    const busPorts = ports.splice(2 * SHARDS)
    const servers = await Promise.all(
      ports.map((port, index) =>
        RedisServer.start(
          kind,
          ...['--port', `${port}`, '--cluster-enabled', 'yes'],
          ...['--cluster-port', `${busPorts[index]}`, '--cluster-node-timeout', '1000'],
          ...['--repl-diskless-sync-delay', '0', ...settings]
        )
      )
    )
    const cluster = new RedisCluster(servers, ports)
    const clients = ports.map((port) => new Redis(port))
    try {
      await join(clients, ports, busPorts)
    } finally {
      for (const client of clients) client.disconnect()
    }
    return cluster
  }

  /** Kills a master, and starts it again when its replica has taken over. It is the replica then. */
  async failOver(shard: number): Promise<void> {
    await this.servers[shard]?.crash()
    const replica = new Redis(Number(this.ports[SHARDS + shard]))
    while (!(await replica.info('replication')).includes('role:master')) await pause(50)
    replica.disconnect()
    await this.servers[shard]?.resume()
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()))
  }
}

async function join(
  clients: readonly Redis[],
  ports: readonly number[],
  busPorts: readonly number[]
): Promise<void> {
  const [first, ...others] = clients as [Redis, ...Redis[]]
  await Promise.all(
    others.map((_, index) =>
      first.cluster('MEET', '127.0.0.1', Number(ports[index + 1]), Number(busPorts[index + 1]))
    )
  )
  const [masters, replicas] = [clients.slice(0, SHARDS), clients.slice(SHARDS)]
  const share = Math.ceil(SLOTS / SHARDS)
  await Promise.all(
    masters.map((master, index) =>
      master.cluster('ADDSLOTSRANGE', index * share, Math.min(SLOTS, (index + 1) * share) - 1)
    )
  )
  const says = async (clients: readonly Redis[], command: string, text: string) => {
    for (const client of clients)
      while (!String(await client.call(...(command.split(' ') as [string]))).includes(text))
        await pause(50)
  }
  await says(clients, 'CLUSTER INFO', 'cluster_state:ok')
  await says(clients, 'CLUSTER INFO', 'known_nodes:6')
  await Promise.all(
    replicas.map(async (replica, index) =>
      replica.cluster('REPLICATE', String(await masters[index]?.cluster('MYID')))
    )
  )
  await says(replicas, 'INFO replication', 'master_link_status:up')
  await says(masters, 'INFO replication', 'state=online')
}
