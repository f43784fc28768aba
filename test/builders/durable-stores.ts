import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { Test } from 'tap'
import type { SessionStore } from '../../lib/index.ts'
import { lmdbStore } from '../../lib/stores/lmdb.ts'
import { postgresStore } from '../../lib/stores/postgres.ts'
import { redisStore } from '../../lib/stores/redis.ts'
import { PostgresServer, skipWithoutPostgres } from './postgres-server.ts'
import { type RedisKind, RedisServer, redisKinds } from './redis-server.ts'

/** A store that outlives its process. */
export interface DurableStore {
  readonly name: string
  /** For tap's `skip`. */
  readonly skip: string | false
  /** Starts an empty backend for one test. It keeps its data when it crashes. */
  readonly start: () => Promise<Backend>
  /** Opens a store on a backend, from any process. */
  readonly connect: (address: string) => Connection
}

export interface Backend {
  readonly address: string
  readonly stop: () => Promise<void>
  /** The store's process, where it has one. */
  readonly server?: BackendServer
}

export interface BackendServer {
  /** Where it listens. */
  readonly socket: string
  /** The address of a server that listens on this socket. */
  readonly addressAt: (socket: string) => string
  /** Kills it. Its clients are not told. */
  readonly crash: () => Promise<void>
  /** Starts it again. */
  readonly resume: () => Promise<void>
}

export interface Connection {
  readonly store: SessionStore
  /** Closes what the store leaves to the app. */
  readonly disconnect: () => unknown
}

const KEEPS_EVERYTHING = ['--appendonly', 'yes', '--appendfsync', 'always']

/** Clients emit an error when an idle connection breaks. */
function ignore(): void {}

export const durableStores: readonly DurableStore[] = [
  {
    name: 'LMDB',
    skip: false,
    async start() {
      const address = await mkdtemp(join(tmpdir(), 'lmdb-'))
      return { address, stop: () => rm(address, { recursive: true, force: true }) }
    },
    connect(path) {
      const store = lmdbStore({ path })
      return { store, disconnect: () => store.close() }
    }
  },
  ...redisKinds.map(onRedis),
  {
    name: 'PostgreSQL',
    skip: skipWithoutPostgres,
    async start() {
      const server = await PostgresServer.start({ fsync: 'on' })
      const client = new pg.Client({ host: server.folder, user: 'postgres' })
      await client.connect()
      await postgresStore({ client }).migrate()
      await client.end()
      return {
        address: server.folder,
        stop: () => server.stop(),
        server: {
          socket: server.socket,
          addressAt: dirname,
          crash: () => server.crash(),
          resume: () => server.resume()
        }
      }
    },
    connect(host) {
      const client = new pg.Pool({ host, user: 'postgres', statement_timeout: 10_000 })
      client.on('error', ignore)
      return { store: postgresStore({ client }), disconnect: () => client.end() }
    }
  }
]

function onRedis(kind: RedisKind): DurableStore {
  return {
    name: kind.name,
    skip: kind.skip,
    async start() {
      const server = await RedisServer.start(kind, ...KEEPS_EVERYTHING)
      const { socket } = server
      return {
        address: socket,
        stop: () => server.stop(),
        server: {
          socket,
          addressAt: (other) => other,
          crash: () => server.crash(),
          resume: () => server.resume()
        }
      }
    },
    connect(socket) {
      const client = new Redis(socket, { maxRetriesPerRequest: 1 })
      client.on('error', ignore)
      return { store: redisStore({ client }), disconnect: () => client.disconnect() }
    }
  }
}

/** Starts a backend for one test. Returns a function that opens a store on it. */
export async function openBackend(
  t: Test,
  { start, connect }: DurableStore
): Promise<() => SessionStore> {
  const backend = await start()
  t.teardown(() => backend.stop())
  return () => {
    const { store, disconnect } = connect(backend.address)
    t.teardown(disconnect)
    return store
  }
}
