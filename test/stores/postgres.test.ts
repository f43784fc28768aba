import { randomUUID } from 'node:crypto'
import fastifyPostgres from '@fastify/postgres'
import Fastify from 'fastify'
import pg from 'pg'
import t, { test } from 'tap'
import {
  type PostgresStoreOptions,
  postgresSchema,
  postgresStore
} from '../../lib/stores/postgres.ts'
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
  return { store, table }
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
  t.same(rows.map(({ tablename }) => tablename).sort(), ['s_keys', 's_revocations', 's_sessions'])
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
  t.match(await planOf('WHERE expires_at <= 1 LIMIT 10'), /by_end/)
})

test('what is wrong at the server rejects', { skip }, async (t) => {
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
