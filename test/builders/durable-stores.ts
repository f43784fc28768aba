import { Redis } from 'ioredis'
import pg from 'pg'
import type { Test } from 'tap'
import type { SessionStore } from '../../lib/index.ts'
import { lmdbStore } from '../../lib/stores/lmdb.ts'
import { postgresStore } from '../../lib/stores/postgres.ts'
import { redisStore } from '../../lib/stores/redis.ts'
import { newFolder } from './folder.ts'
import { PostgresServer, skipWithoutPostgres } from './postgres-server.ts'
import { RedisServer, skipWithoutRedis } from './redis-server.ts'

/** A store that outlives its process, on a backend of its own that goes when the test ends. */
export interface DurableStore {
  readonly name: string
  /** For tap's `skip`. */
  readonly skip: string | false
  /** Opens the backend; what it answers opens stores on it, each with a connection of its own. */
  readonly openBackend: (t: Test) => Promise<() => SessionStore>
}

export const durableStores: readonly DurableStore[] = [
  {
    name: 'LMDB',
    skip: false,
    async openBackend(t) {
      const path = await newFolder(t)
      return () => lmdbStore({ path })
    }
  },
  {
    name: 'Redis',
    skip: skipWithoutRedis,
    async openBackend(t) {
      const server = await RedisServer.start()
      t.teardown(() => server.stop())
      return () => {
        const client = new Redis(server.socket)
        t.teardown(() => client.disconnect())
        return redisStore({ client })
      }
    }
  },
  {
    name: 'PostgreSQL',
    skip: skipWithoutPostgres,
    async openBackend(t) {
      const server = await PostgresServer.start()
      t.teardown(() => server.stop())
      const open = () => {
        const client = new pg.Pool({ host: server.folder, user: 'postgres' })
        t.teardown(() => client.end())
        return postgresStore({ client })
      }
      await open().migrate()
      return open
    }
  }
]
