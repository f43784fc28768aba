import { randomBytes, randomUUID } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { memoryStore, type SessionRecord, type SessionStore } from '../lib/index.ts'
import { deleteExpired } from '../lib/session/cleanup.ts'
import { RefreshTokens } from '../lib/tokens/refresh-token.ts'
import { type DurableStore, durableStores } from '../test/builders/durable-stores.ts'
import { handlesOf } from '../test/builders/handles-of.ts'

// npm run bench:stores -- --sessions 1000000 --store LMDB: what a store full of sessions costs.
const { values } = parseArgs({
  options: { sessions: { type: 'string', default: '1000000' }, store: { type: 'string' } }
})
const SESSIONS = Number(values.sessions)
/** Sessions of one user. */
const HEAVY = SESSIONS / 100
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

async function fill(store: SessionStore): Promise<SessionRecord[]> {
  const nowMs = Date.now()
  const samples: SessionRecord[] = []
  let index = 0
  const insertNext = async (): Promise<void> => {
    for (let own = index++; own < SESSIONS; own = index++) {
      const expiresAt = own < ENDED ? nowMs - 1 - own : nowMs + 8_640_000_000 + own
      const userId = own >= SESSIONS - HEAVY ? 'heavy' : `user-${own % 100_000}`
      const record = newRecord(userId, expiresAt)
      if (own >= ENDED && own % 1000 === 0) samples.push(record)
      await store.insert(record)
    }
  }
  await Promise.all(Array.from({ length: 200 }, insertNext))
  return samples
}

/** One after the other, as requests of one client do. */
async function each(
  records: readonly SessionRecord[],
  action: (record: SessionRecord) => unknown
): Promise<void> {
  for (const record of records) await action(record)
}

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
  await backend.stop()
}
