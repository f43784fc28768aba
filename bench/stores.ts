import { randomBytes, randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { type Awaitable, memoryStore, type SessionRecord, type SessionStore } from '../lib/index.ts'
import { deleteExpired } from '../lib/session/cleanup.ts'
import { postgresStore } from '../lib/stores/postgres.ts'
import { RefreshTokens } from '../lib/tokens/refresh-token.ts'
import { type DurableStore, durableStores } from '../test/builders/durable-stores.ts'
import { handlesOf } from '../test/builders/handles-of.ts'

// npm run bench:stores -- --sessions 1000000 --refreshes 200000 --store LMDB: what a store full of
// sessions costs, and what refreshes leave behind in PostgreSQL.
const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000000' },
    refreshes: { type: 'string', default: '200000' },
    store: { type: 'string' }
  }
})
const SESSIONS = Number(values.sessions)
const REFRESHES = Number(values.refreshes)
/** Sessions that are refreshed in PostgreSQL, in turn. */
const REFRESHED = REFRESHES / 10
/** Sessions of one user. */
const HEAVY = SESSIONS / 100
const DAY_MS = 86_400_000
/** Sessions that have ended. */
const ENDED = SESSIONS / 10

const memory: DurableStore = {
  name: 'memory',
  skip: false,
  start: async () => ({ address: '', stop: async () => {} }),
  connect: () => ({ store: memoryStore(), disconnect() {} })
}

const bytesOf: Record<string, (address: string) => Promise<number>> = {
  async memory() {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  },
  LMDB: async (path) => (await stat(join(path, 'data.mdb'))).size,
  Redis: bytesInRedis,
  Valkey: bytesInRedis,
  async PostgreSQL(host) {
    const client = new pg.Client({ host, user: 'postgres' })
    await client.connect()
    const { rows } = await client.query("SELECT pg_total_relation_size('supersession_sessions')")
    await client.end()
    return Number(rows[0].pg_total_relation_size)
  }
}

async function bytesInRedis(socket: string): Promise<number> {
  const client = new Redis(socket)
  const [, bytes] = /used_memory:(\d+)/.exec(await client.info('memory')) ?? []
  client.disconnect()
  return Number(bytes)
}

const refreshTokens = new RefreshTokens([randomBytes(32)])
const USER_AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

/** As a session is after its first refresh. */
function newRecord(userId: string, expiresAt: number): SessionRecord {
  const nowMs = Date.now()
  const [current, hash] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
  return {
    handle: randomUUID(),
    userId,
    createdAt: nowMs,
    expiresAt,
    sessionData: '{}',
    payload: JSON.stringify({ role: 'admin' }),
    device: JSON.stringify({ userAgent: USER_AGENT }),
    keyKind: 'dynamic',
    rotation: {
      current,
      successor: { nonce: refreshTokens.newNonce(), handedOutAt: nowMs },
      previous: { hash, confirmedAt: nowMs, successorNonce: refreshTokens.newNonce() }
    },
    revision: 2
  }
}

/** How long it took, and the longest stall of the event loop meanwhile, milliseconds. */
async function measure<T>(name: string, action: () => Promise<T> | T): Promise<T> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  // It has to tick once before the measurement, or it misses a stall at the beginning.
  await new Promise((resolve) => setTimeout(resolve, 20))
  const start = performance.now()
  const result = await action()
  const tookMs = performance.now() - start
  await new Promise((resolve) => setTimeout(resolve, 20))
  delay.disable()
  console.log(
    `  ${name}: ${tookMs.toFixed(1)} ms, longest stall ${(delay.max / 1e6).toFixed(1)} ms`
  )
  return result
}

/** Does it for each number below `count`, as many at a time as a busy server has requests. */
async function forEachNumber(
  count: number,
  action: (number: number) => Awaitable<void>
): Promise<void> {
  let next = 0
  const goOn = async (): Promise<void> => {
    while (next < count) await action(next++)
  }
  await Promise.all(Array.from({ length: 200 }, goOn))
}

async function fill(store: SessionStore): Promise<SessionRecord[]> {
  const nowMs = Date.now()
  const samples: SessionRecord[] = []
  await forEachNumber(SESSIONS, (number) => {
    const expiresAt = number < ENDED ? nowMs - 1 - number : nowMs + 100 * DAY_MS + number
    const userId = number >= SESSIONS - HEAVY ? 'heavy' : `user-${number % 100_000}`
    const record = newRecord(userId, expiresAt)
    if (number >= ENDED && number % 1000 === 0) samples.push(record)
    return store.insert(record)
  })
  return samples
}

/** One after the other, as requests of one client do. */
async function each(
  records: readonly SessionRecord[],
  action: (record: SessionRecord) => unknown
): Promise<void> {
  for (const record of records) await action(record)
}

/**
 * What a refresh writes, and then the first use of its tokens, an hour after the last one: as often
 * as access tokens expire.
 */
function cycleOf(record: SessionRecord): readonly [SessionRecord, SessionRecord] {
  const { expiresAt, revision, rotation } = record
  const at = expiresAt + 3_600_000
  const successor = { nonce: refreshTokens.newNonce(), handedOutAt: at }
  const refreshed = { ...record, rotation: { ...rotation, successor }, revision: revision + 1 }
  const previous = {
    hash: rotation.current,
    confirmedAt: at,
    successorNonce: successor.nonce
  }
  const current = randomBytes(32).toString('hex')
  const used = {
    ...refreshed,
    expiresAt: at,
    rotation: { current, successor: null, previous },
    revision: revision + 2
  }
  return [refreshed, used]
}

/** What refreshes and first uses write in PostgreSQL, and what becomes of tables and indexes. */
async function measureRefreshes(host: string): Promise<void> {
  const table = 'refreshed'
  const connection = { host, user: 'postgres' }
  // What is written is counted, and not how long the disk takes for it.
  const pool = new pg.Pool({ ...connection, options: '-c synchronous_commit=off' })
  const store = postgresStore({ client: pool, table })
  await store.migrate()
  const nowMs = Date.now()
  // They were used last at any time of a day.
  const records = Array.from({ length: REFRESHED }, (_, number) =>
    newRecord(randomUUID(), nowMs + (100 + number / REFRESHED) * DAY_MS)
  )
  await forEachNumber(REFRESHED, (number) => store.insert(records[number] as SessionRecord))
  await pool.query(`VACUUM ANALYZE ${table}_sessions`)

  const reader = new pg.Client(connection)
  await reader.connect()
  const read = async () => (await reader.query(STATISTICS, [`${table}_sessions`])).rows[0]
  const sizes = async () => (await reader.query(SIZES, [`${table}_sessions`])).rows
  const [before, sizesBefore] = [await read(), await sizes()]
  await measure(`refresh each of ${REFRESHED} sessions ${REFRESHES / REFRESHED} times`, () =>
    forEachNumber(REFRESHES, async (number) => {
      const index = number % REFRESHED
      for (const next of cycleOf(records[index] as SessionRecord)) {
        if (!(await store.replace(next, next.revision - 1)))
          throw new Error('A session was refreshed twice at a time: give more --refreshes')
        records[index] = next
      }
    })
  )
  // A connection tells what it has counted when it ends, at the latest.
  await pool.end()
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const [after, sizesAfter] = [await read(), await sizes()]
  await reader.end()

  const difference = (name: string) => Number(after[name]) - Number(before[name])
  const hot = (100 * difference('hot_updates')) / difference('updates')
  const rows = [
    `| ${difference('updates')} updates, of them without a write to an index (HOT) | ${hot.toFixed(1)} % |`,
    '| --- | --- |',
    `| WAL of a refresh and a first use | ${Math.round(difference('wal_bytes') / REFRESHES)} bytes |`,
    ...sizesAfter.map(({ name, kilobytes }, index) => {
      return `| ${name}, before and after | ${sizesBefore[index].kilobytes} kB, ${kilobytes} kB |`
    })
  ]
  for (const row of rows) console.log(`  ${row}`)
}

const STATISTICS = `SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot_updates,
  pg_current_wal_lsn() - '0/0'::pg_lsn AS wal_bytes
FROM pg_stat_user_tables WHERE relname = $1`

const SIZES = `SELECT relname AS name, pg_relation_size(pg_class.oid) / 1024 AS kilobytes
FROM pg_class LEFT JOIN pg_index ON indexrelid = pg_class.oid
WHERE $1::regclass IN (pg_class.oid, indrelid) ORDER BY relkind DESC, relname`

for (const { name, skip, start, connect } of [memory, ...durableStores]) {
  if (skip || (values.store ?? name) !== name) continue
  const backend = await start()
  const { store, disconnect } = connect(backend.address)
  const sizeOf = bytesOf[name] as (address: string) => Promise<number>
  const empty = await sizeOf(backend.address)
  console.log(`${name}, ${SESSIONS} sessions`)
  const samples = await measure('insert all', () => fill(store))
  const bytes = (await sizeOf(backend.address)) - empty
  // These stores delete ended sessions at once.
  const kept = name === 'Redis' || name === 'Valkey' ? SESSIONS - ENDED : SESSIONS
  console.log(`  size: ${(bytes / kept).toFixed(0)} bytes per session`)
  await measure(`get ${samples.length}`, () => each(samples, ({ handle }) => store.get(handle)))
  await measure(`replace ${samples.length}`, () =>
    each(samples, (record) => store.replace({ ...record, revision: 3 }, 2))
  )
  const list = () => handlesOf(store, 'heavy')
  const handles = await measure(`list a user of ${HEAVY}`, list)
  await measure(`revoke these ${handles.length}`, () => store.delete(handles))
  await measure('delete 1000 of what has ended', () => store.deleteExpired(Date.now(), 1000))
  await measure('delete the rest of what has ended', () => deleteExpired(store, Date.now()))
  await disconnect()
  if (name === 'PostgreSQL') await measureRefreshes(backend.address)
  await backend.stop()
}
