import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import fastifyPostgres from '@fastify/postgres'
import Fastify from 'fastify'
import pg from 'pg'
import t, { test } from 'tap'
import type { SessionRecord, SessionStore } from '../../lib/index.ts'
import {
  type PostgresClient,
  type PostgresStoreOptions,
  postgresSchema,
  postgresStore
} from '../../lib/stores/postgres.ts'
import type { Revocation, RevocationPage } from '../../lib/stores/store.ts'
import { buildApp } from '../builders/app.ts'
import { handlesOf } from '../builders/handles-of.ts'
import { PostgresServer, skipWithoutPostgres } from '../builders/postgres-server.ts'
import { newRecord } from '../builders/record.ts'
import { testStoreContract } from './contract.ts'

const skip = skipWithoutPostgres
const server = skip ? undefined : await PostgresServer.start()
t.teardown(() => server?.stop())
const connection = { host: String(server?.folder), user: 'postgres', database: 'postgres' }

function newPool(settings: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ ...connection, max: 20, ...settings })
  // The server goes before the pool does, which tells idle connections.
  pool.on('error', () => {})
  t.teardown(() => pool.end())
  return pool
}

const [pool, otherPool] = [newPool(), newPool()]
const newTable = () => `test_${randomUUID().replaceAll('-', '')}`.slice(0, 40)

async function newStore(client: pg.Pool = pool) {
  const table = newTable()
  const store = postgresStore({ client, table })
  await store.migrate()
  return { store: store as Required<typeof store>, table }
}

testStoreContract(
  'postgresStore',
  async () => {
    const { table } = await newStore()
    let opened = 0
    return () => postgresStore({ client: opened++ % 2 === 0 ? pool : otherPool, table })
  },
  skip
)

const serializable = newPool({ options: '-c default_transaction_isolation=serializable' })
testStoreContract(
  'postgresStore where transactions are serializable',
  async () => {
    const { table } = await newStore(serializable)
    return () => postgresStore({ client: serializable, table })
  },
  skip
)

test('any number of processes can migrate at a time, and again', { skip }, async (t) => {
  const table = newTable()
  const stores = Array.from({ length: 10 }, () => postgresStore({ client: pool, table }))
  await Promise.all(stores.map((store) => store.migrate()))
  const record = newRecord()
  await stores[0]?.insert(record)
  await stores[1]?.migrate()
  t.same(await stores[2]?.get(record.handle), record)
})

test('the tables can stand in a schema of their own', { skip }, async (t) => {
  await pool.query('CREATE SCHEMA auth')
  const store = postgresStore({ client: pool, table: 'auth.s' })
  await store.migrate()
  await store.insert(newRecord())
  const { rows } = await pool.query("SELECT tablename FROM pg_tables WHERE schemaname = 'auth'")
  const names = rows.map(({ tablename }) => tablename).sort()
  t.same(names, ['s_keys', 's_revocations', 's_sessions', 's_used'])
})

test("@fastify/postgres's app.pg and a single client are taken as they are", {
  skip
}, async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifyPostgres, connection)
  const store = postgresStore({ client: app.pg })
  await store.migrate()
  const client = new pg.Client(connection)
  await client.connect()
  t.teardown(() => client.end())
  const record = newRecord()
  await postgresStore({ client }).insert(record)
  t.same(await store.get(record.handle), record)
})

test('numbers are read whatever the app made of bigint', { skip }, async (t) => {
  const types = {
    getTypeParser: (id: number) => (id === pg.types.builtins.INT8 ? BigInt : String)
  } as pg.CustomTypesConfig
  const { store } = await newStore(newPool({ types }))
  const record = newRecord()
  await store.insert(record)
  t.same(await store.get(record.handle), record)
})

test('no statement is prepared, so that PgBouncer may pool transactions', { skip }, async (t) => {
  const single = newPool({ max: 1 })
  const { store } = await newStore(single)
  await store.insert(newRecord())
  await store.deleteExpired(Date.now(), 10)
  t.same((await single.query('SELECT name FROM pg_prepared_statements')).rows, [])
})

test('deleting what has expired passes over a session that is being refreshed', {
  skip
}, async (t) => {
  const { store, table } = await newStore()
  const nowMs = Date.now()
  const [busy, idle] = [newRecord({ expiresAt: nowMs }), newRecord({ expiresAt: nowMs })]
  await store.insert(busy)
  await store.insert(idle)
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query(`SELECT 1 FROM ${table}_sessions WHERE handle = $1 FOR UPDATE`, [busy.handle])
  t.equal(await store.deleteExpired(nowMs, 10), 1)
  await client.query('ROLLBACK')
  client.release()
  t.same(await store.get(busy.handle), busy)
  t.equal(await store.get(idle.handle), null)
})

test('listing a user and finding what has expired each read an index', { skip }, async (t) => {
  const { store, table } = await newStore()
  await store.insert(newRecord())
  const client = await pool.connect()
  t.teardown(() => client.release(true))
  await client.query('SET enable_seqscan = off')
  const planOf = async (where: string) =>
    JSON.stringify(
      (await client.query(`EXPLAIN SELECT handle FROM ${table}_sessions ${where}`)).rows
    )
  t.match(await planOf("WHERE user_id = 'a' AND handle > 'h' ORDER BY handle LIMIT 10"), /of_user/)
  t.match(await planOf('WHERE ends_on <= 1 AND expires_at <= 1 LIMIT 10'), /by_day/)
})

/** The tables of a former version, and what its processes write. */
const formerSchema = (table: string) => `CREATE TABLE ${table}_sessions (
  handle text PRIMARY KEY,
  user_id text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  session_data text NOT NULL,
  payload text NOT NULL,
  device text NOT NULL,
  key_kind text NOT NULL,
  rotation text NOT NULL,
  revision integer NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX ${table}_sessions_by_user ON ${table}_sessions (user_id, expires_at);
CREATE INDEX ${table}_sessions_by_end ON ${table}_sessions (expires_at);
CREATE TABLE ${table}_keys (
  kid text PRIMARY KEY,
  kind text NOT NULL,
  algorithm text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint,
  material text NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  previous_kid text NOT NULL,
  UNIQUE (kind, previous_kid)
);`
const FORMER_COLUMNS =
  'handle, user_id, created_at, expires_at, session_data, payload, device, key_kind, rotation, revision'

async function insertFormer(table: string, record: SessionRecord): Promise<void> {
  const { handle, userId, createdAt, expiresAt, sessionData, payload, device } = record
  const rotation = JSON.stringify(record.rotation)
  await pool.query(
    `INSERT INTO ${table}_sessions (${FORMER_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, 'dynamic', $8, 0)`,
    [handle, userId, createdAt, expiresAt, sessionData, payload, device, rotation]
  )
}

async function indexesOf(table: string): Promise<string[]> {
  const { rows } = await pool.query(
    `SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = '${table}_sessions'::regclass AND indisvalid ORDER BY relname`
  )
  return rows.map(({ relname }) => relname.replace(`${table}_sessions_`, ''))
}

test('tables of a former version are brought up to date while they are used', {
  skip
}, async (t) => {
  const table = newTable().slice(0, 30)
  await pool.query(formerSchema(table))
  const nowMs = Date.now()
  const records = Array.from({ length: 1100 }, () => newRecord({ userId: 'ada' }))
  const ended = newRecord({ expiresAt: nowMs - 1 })
  for (const record of [...records, ended]) await insertFormer(table, record)

  let isMigrated = false
  const writing = (async () => {
    const written: SessionRecord[] = []
    while (!isMigrated) {
      const record = newRecord({ userId: 'ada' })
      await insertFormer(table, record)
      written.push(record)
    }
    return written
  })()
  const stores = Array.from({ length: 5 }, () => postgresStore({ client: otherPool, table }))
  await Promise.all(stores.map((store) => store.migrate()))
  isMigrated = true
  const written = await writing
  await stores[0]?.migrate()
  t.same(await indexesOf(table), ['by_day', 'of_user', 'pkey'])

  const store = stores[0] as SessionStore
  const handles = await handlesOf(store, 'ada')
  t.equal(handles.length, records.length + written.length)
  const [first] = records as [SessionRecord]
  t.ok(await store.replace({ ...first, revision: 1 }, 0))
  t.equal(await store.deleteExpired(nowMs, 10), 1, 'a row that a former process wrote')
  const { rows } = await pool.query(`SELECT count(*) FROM ${table}_sessions WHERE ends_on = 0`)
  t.same(rows, [{ count: '0' }])
})

test('a column that cannot be added soon is an error that says what to do', {
  skip
}, async (t) => {
  const table = newTable().slice(0, 30)
  await pool.query(formerSchema(table))
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query(`SELECT 1 FROM ${table}_sessions`)
  const store = postgresStore({ client: pool, table })
  await t.rejects(store.migrate(), /Call it again/)
  await client.query('ROLLBACK')
  client.release()
  await store.migrate()
  t.same(await indexesOf(table), ['by_day', 'of_user', 'pkey'])
})

test('an index that broke off while it was made is made anew', { skip }, async (t) => {
  const { store, table } = await newStore()
  const name = `${table}_sessions_by_day`
  await pool.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${name}'::regclass`)
  t.same(await indexesOf(table), ['of_user', 'pkey'])
  await store.migrate()
  t.same(await indexesOf(table), ['by_day', 'of_user', 'pkey'])
})

test('a process that loses against another one, which makes the same index, goes on', {
  skip
}, async (t) => {
  const { table } = await newStore()
  for (const code of ['42P07', '40P01']) {
    await pool.query(`DROP INDEX ${table}_sessions_by_day`)
    let isFirst = true
    const loser = {
      async query(text: string, values?: unknown[]) {
        const isLost = isFirst && text.startsWith('CREATE INDEX')
        isFirst &&= !isLost
        if (isLost) throw Object.assign(new Error('lost'), { code })
        return pool.query(text, values)
      }
    }
    await postgresStore({ client: loser, table }).migrate()
    t.same(await indexesOf(table), ['by_day', 'of_user', 'pkey'])
  }
})

async function isIndexMade(): Promise<boolean> {
  return (await pool.query('SELECT FROM pg_stat_progress_create_index')).rowCount !== 0
}

test('a process that finds another one making an index leaves the rest to it', {
  skip
}, async (t) => {
  const { store, table } = await newStore()
  await pool.query(`DROP INDEX ${table}_sessions_by_day`)
  const [writer, maker] = [await pool.connect(), await pool.connect()]
  t.teardown(() => writer.release())
  t.teardown(() => maker.release())
  // It waits for those who write.
  await writer.query(`BEGIN; LOCK ${table}_sessions IN ROW EXCLUSIVE MODE`)
  const made = maker.query(
    `CREATE INDEX CONCURRENTLY ${table}_sessions_by_day ON ${table}_sessions (ends_on)`
  )
  while (!(await isIndexMade()));
  await store.migrate()
  t.same(await indexesOf(table), ['of_user', 'pkey'])
  await writer.query('COMMIT')
  await made
  t.same(await indexesOf(table), ['by_day', 'of_user', 'pkey'])
})

test('a former index that is in use for long is dropped by the next start', {
  skip
}, async (t) => {
  const { store, table } = await newStore()
  await pool.query(`CREATE INDEX ${table}_sessions_by_end ON ${table}_sessions (expires_at)`)
  const reader = await pool.connect()
  t.teardown(() => reader.release())
  await reader.query(`BEGIN; SELECT FROM ${table}_sessions`)
  await store.migrate()
  t.same(await indexesOf(table), ['by_day', 'by_end', 'of_user', 'pkey'])
  await reader.query('COMMIT')
  await store.migrate()
  t.same(await indexesOf(table), ['by_day', 'of_user', 'pkey'])
})

test('an index that takes longer than the client allows is an error that says what to do', {
  skip
}, async (t) => {
  const { table } = await newStore()
  await pool.query(`DROP INDEX ${table}_sessions_by_day`)
  const client = await pool.connect()
  t.teardown(() => client.release())
  await client.query(`BEGIN; LOCK ${table}_sessions IN ROW EXCLUSIVE MODE`)
  const short = postgresStore({ client: newPool({ statement_timeout: 200 }), table })
  await t.rejects(short.migrate(), /a client without a limit, new pg.Pool/)
  t.same(await indexesOf(table), ['of_user', 'pkey'])

  await client.query('COMMIT')
  // The server tells of a statement that it ends a moment before it has.
  while (await isIndexMade());
  await postgresStore({ client: pool, table }).migrate()
  t.same(await indexesOf(table), ['by_day', 'of_user', 'pkey'])
})

test('tables of a former version are brought up to date by hand', { skip }, async (t) => {
  const docs = await readFile('docs/stores.md', 'utf8')
  const sql = /```sql\n(.+?)```/s.exec(docs)?.[1] ?? ''
  const table = newTable().slice(0, 30)
  await pool.query(formerSchema(table))
  const record = newRecord({ expiresAt: Date.now() })
  await insertFormer(table, record)
  // What cannot run in a transaction has to be a query of its own.
  for (const statement of sql.replaceAll('supersession', table).split(';\n'))
    await pool.query(statement)
  await pool.query(postgresSchema(table))
  t.same(await indexesOf(table), ['by_day', 'of_user', 'pkey'])
  const { rows } = await pool.query(`SELECT ends_on FROM ${table}_sessions`)
  t.same(rows, [{ ends_on: Math.floor(record.expiresAt / 86_400_000) }])
})

test('a refresh writes no index', { skip }, async (t) => {
  const { store, table } = await newStore()
  const records = Array.from({ length: 50 }, () => newRecord())
  for (const record of records) await store.insert(record)
  for (let revision = 1; revision <= 20; revision++)
    for (const record of records) {
      const expiresAt = record.expiresAt + revision
      await store.replace({ ...record, expiresAt, revision }, revision - 1)
    }
  const client = await pool.connect()
  t.teardown(() => client.release())
  const counted = async (): Promise<{ updates: number; hot: number }> => {
    await client.query('SELECT pg_stat_clear_snapshot()')
    const { rows } = await client.query(
      `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
WHERE relname = '${table}_sessions'`
    )
    return rows[0]
  }
  let counts = await counted()
  // The server counts in the background.
  while (counts.updates < 1000) counts = await counted()
  t.ok(counts.hot >= 900, `${counts.hot} of ${counts.updates} updates are HOT`)
})

test('a refresh does not store long session data again', { skip }, async (t) => {
  const { store, table } = await newStore()
  const newData = () => JSON.stringify(Array.from({ length: 200 }, () => randomUUID()))
  const record = newRecord({ sessionData: newData(), payload: newData() })
  await store.insert(record)
  const { rows } = await pool.query(
    `SELECT reltoastrelid::regclass AS place FROM pg_class WHERE oid = '${table}_sessions'::regclass`
  )
  const stored = async () =>
    (await pool.query(`SELECT DISTINCT chunk_id FROM ${rows[0].place} ORDER BY 1`)).rows
  const before = await stored()
  t.equal(before.length, 2)
  await store.replace({ ...record, expiresAt: record.expiresAt + 1, revision: 1 }, 0)
  t.same(await stored(), before)
  const changed = { ...record, sessionData: newData(), revision: 2 }
  await store.replace(changed, 1)
  t.same(await store.get(record.handle), changed)
})

test('a statement that waits too long ends, and gives its connection back', {
  skip
}, async (t) => {
  const short = newPool({ max: 1, statement_timeout: 1000 })
  const { store, table } = await newStore(short)
  const record = newRecord()
  await store.insert(record)
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query(`SELECT 1 FROM ${table}_sessions WHERE handle = $1 FOR UPDATE`, [
    record.handle
  ])
  await t.rejects(async () => store.replace({ ...record, revision: 1 }, 0), /statement timeout/)
  t.same(await store.get(record.handle), record)
  await client.query('ROLLBACK')
  client.release()
})

test('a pool without a time limit, or whose errors nobody hears, is warned of once', {
  skip
}, async (t) => {
  const warnings: string[] = []
  const onWarning = (warning: Error & { code?: string }) => void warnings.push(String(warning.code))
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const limited = newPool({ statement_timeout: 1000 })
  const unheard = newPool({ statement_timeout: 1000 })
  unheard.removeAllListeners('error')
  const decorator = { query: unheard.query.bind(unheard), pool: unheard } as PostgresClient
  for (const client of [limited, pool, unheard, decorator]) {
    const store = postgresStore({ client })
    for (let calls = 0; calls < 2; calls++) await store.now?.()
  }
  await new Promise((resolve) => setImmediate(resolve))
  const [timeout, errors] = ['SUPERSESSION_POSTGRES_TIMEOUT', 'SUPERSESSION_POSTGRES_ERRORS']
  t.same(warnings, [timeout, errors, errors])
  unheard.on('error', () => {})
})

test('a revocation is answered once, also where an older transaction commits later', {
  skip
}, async (t) => {
  const { store, table } = await newStore()
  const [early, between, late, last] = ['1', '2', '3', '4'].map((handle) => ({
    handle,
    until: Date.now()
  })) as [Revocation, Revocation, Revocation, Revocation]
  const client = await pool.connect()
  t.teardown(() => client.release())
  await client.query('BEGIN')
  await client.query('SELECT txid_current()')
  await store.addRevocations([early, between])
  let cursor: string | null = null
  const read = async () => {
    const page: RevocationPage = await store.revokedSince(cursor, 1)
    cursor = page.cursor
    return page.revocations
  }
  t.same(await read(), [early])
  t.same(await read(), [between])
  await client.query(`INSERT INTO ${table}_revocations (expires_at, revocation) VALUES (1, $1)`, [
    JSON.stringify(late)
  ])
  t.same(await read(), [])
  t.same(await read(), [])
  await client.query('COMMIT')
  await store.addRevocations([last])
  t.same(await read(), [late])
  t.same(await read(), [last])
  t.same(await read(), [])
  t.same(await read(), [])
})

test('all revocations are answered anew where another server took over, or this one was restarted', {
  skip
}, async (t) => {
  const mortal = await PostgresServer.start()
  t.teardown(() => mortal.stop())
  const { store } = await newStore(newPool({ host: mortal.folder }))
  const revocations = ['1', '2', '3'].map((handle) => ({ handle, until: Date.now() }))
  await store.addRevocations(revocations)
  const [inRound, afterRound] = [
    await store.revokedSince(null, 2),
    await store.revokedSince(null, 10)
  ]
  t.same((await store.revokedSince(afterRound.cursor, 10)).revocations, [])
  await mortal.crash()
  await mortal.resume()
  for (const { cursor } of [inRound, afterRound])
    t.same((await store.revokedSince(cursor, 10)).revocations, revocations)
})

test('many sessions of one user take one connection of the pool at a time, and others go on', {
  skip
}, async (t) => {
  const { store, table } = await newStore()
  const records = Array.from({ length: 2100 }, () => newRecord({ userId: 'ada' }))
  await Promise.all(records.map((record) => store.insert(record)))
  const two = newPool({ max: 2 })
  let [underWay, most, rows] = [0, 0, 0]
  const counting = {
    async query(text: string, values?: unknown[]) {
      most = Math.max(most, ++underWay)
      const result = await two.query(text, values)
      rows = Math.max(rows, result.rows.length)
      underWay--
      return result
    }
  }
  const { app } = await buildApp(t, {
    store: postgresStore({ client: counting, table }),
    revocationInterval: 60
  })
  t.equal((await app.sessions.list('ada')).length, 2100)
  t.equal((await app.sessions.devices('ada')).length, 2100)
  t.equal((await app.sessions.revokeAll('ada')).length, 2100)
  t.ok(most <= 2, `${most} statements under way at once`)
  t.ok(rows <= 500, `${rows} rows in one answer`)
})

test('what is wrong at the server rejects', { skip }, async (t) => {
  await t.rejects(postgresStore({ client: newPool({ host: '/nowhere' }) }).migrate(), /ENOENT/)
  const store = postgresStore({ client: pool, table: 'missing' })
  await t.rejects(async () => store.get('h'), /relation "missing_sessions" does not exist/)
})

test('a statement that always fails to serialize rejects in the end', { skip }, async (t) => {
  const { store, table } = await newStore()
  // A sequence counts on where everything else is rolled back.
  await pool.query(`CREATE SEQUENCE ${table}_tries;
    CREATE FUNCTION ${table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM nextval('${table}_tries');
      RAISE EXCEPTION 'no luck' USING ERRCODE = '40001';
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON ${table}_sessions EXECUTE FUNCTION ${table}_refuse()`)
  await t.rejects(async () => store.insert(newRecord()), /no luck/)
  const { rows } = await pool.query(`SELECT last_value FROM ${table}_tries`)
  t.same(rows, [{ last_value: '20' }])
})

test('options that do not fit are refused by name', (t) => {
  const isRefused = (options: unknown, option: string) =>
    t.throws(() => postgresStore(options as PostgresStoreOptions), new RegExp(`'${option}'`))
  for (const client of [undefined, null, {}]) isRefused({ client }, 'client')
  for (const table of ['', 'a; DROP TABLE b', 'a.b.c', 'A', 'a'.repeat(41), 7, null])
    isRefused({ client: pool, table }, 'table')
  isRefused({ client: pool, tables: 'x' }, 'postgresStore.tables')
  t.throws(() => postgresSchema('"'), /'table'/)
  t.match(postgresSchema(), /CREATE TABLE IF NOT EXISTS supersession_sessions/)
  t.end()
})
