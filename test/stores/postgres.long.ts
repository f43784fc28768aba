import { randomUUID } from 'node:crypto'
import pg from 'pg'
import t, { type Test, test } from 'tap'
import { postgresStore } from '../../lib/stores/postgres.ts'
import type { Revocation, SessionStore } from '../../lib/stores/store.ts'
import { skipWithoutPgBouncer, startPgBouncer } from '../builders/pgbouncer.ts'
import { PostgresServer, skipWithoutPostgres } from '../builders/postgres-server.ts'
import { testStoreContract } from './contract.ts'

// Part of `npm run test:long`.

function newPool(t: Test, host: string): pg.Pool {
  const pool = new pg.Pool({ host, user: 'postgres', database: 'postgres' })
  pool.on('error', () => {})
  t.teardown(() => pool.end())
  return pool
}

function openStore(t: Test, { folder }: PostgresServer) {
  const client = newPool(t, folder)
  const store = postgresStore({ client })
  return { store: store as Required<typeof store>, client }
}

const newRevocation = (): Revocation => ({ handle: randomUUID(), until: Date.now() + 60_000 })

const server = skipWithoutPostgres
  ? undefined
  : await PostgresServer.start({ statement_timeout: '10s' })
t.teardown(() => server?.stop())

for (const poolMode of ['transaction', 'statement'] as const) {
  let pool: pg.Pool | undefined
  testStoreContract(
    `postgresStore behind PgBouncer that pools by ${poolMode}`,
    async () => {
      pool ??= newPool(t, await startPgBouncer(t, server as PostgresServer, poolMode))
      const client = pool
      const table = `t${randomUUID().replaceAll('-', '')}`
      await postgresStore({ client, table }).migrate()
      return () => postgresStore({ client, table })
    },
    skipWithoutPostgres || skipWithoutPgBouncer
  )
}

/** A primary with the tables, and a standby that has them. */
async function startBoth(t: Test) {
  const primary = await PostgresServer.start()
  t.teardown(() => primary.stop())
  const standby = await primary.startStandby()
  t.teardown(() => standby.stop())
  const { store, client } = openStore(t, primary)
  await store.migrate()
  const follower = newPool(t, standby.folder)
  const has = 'SELECT to_regclass($1) AS found'
  while ((await follower.query(has, ['supersession_revocations'])).rows[0].found === null);
  return { primary, standby, store, client, follower }
}

/** All that a store answers after a cursor. */
async function readAll(store: Required<SessionStore>, from: string | null) {
  const handles = new Set<unknown>()
  let cursor = from
  for (let isLast = false; !isLast; ) {
    const page: Awaited<ReturnType<typeof store.revokedSince>> = await store.revokedSince(
      cursor,
      50
    )
    for (const revocation of page.revocations)
      if ('handle' in revocation) handles.add(revocation.handle)
    ;({ cursor, isLast } = page)
  }
  return { handles, cursor }
}

test('what is revoked at a standby that took over is met, though it counts transactions from a lower number on', {
  skip: skipWithoutPostgres
}, async (t) => {
  const { primary, standby, store, follower } = await startBoth(t)
  await follower.query("ALTER SYSTEM SET primary_conninfo = ''")
  await follower.query('SELECT pg_reload_conf()')
  while ((await follower.query('SELECT FROM pg_stat_wal_receiver')).rowCount !== 0);
  for (let count = 0; count < 50; count++) await store.addRevocations([newRevocation()])
  const { handles: lost, cursor } = await readAll(store, null)
  t.equal(lost.size, 50)

  await primary.crash()
  await standby.promote()
  const { store: successor, client } = openStore(t, standby)
  const revocations = Array.from({ length: 20 }, newRevocation)
  await successor.addRevocations(revocations)
  // By the next look it has counted on, beyond what the other one had reached.
  for (let count = 0; count < 200; count++) await client.query('SELECT txid_current()')
  const { handles } = await readAll(successor, cursor)
  t.same(
    [...handles],
    revocations.map((revocation) => 'handle' in revocation && revocation.handle)
  )
})

test('no acknowledged revocation is lost with the primary, where commits wait for the standby', {
  skip: skipWithoutPostgres
}, async (t) => {
  const { primary, standby, store, client } = await startBoth(t)
  await client.query("ALTER SYSTEM SET synchronous_standby_names = '*'")
  await client.query('SELECT pg_reload_conf()')
  const synchronous = "SELECT FROM pg_stat_replication WHERE sync_state = 'sync'"
  while ((await client.query(synchronous)).rowCount === 0);

  const acknowledged: string[] = []
  let crashed: Promise<void> | undefined
  const revoke = async (): Promise<void> => {
    while (acknowledged.length < 10_000) {
      const handle = randomUUID()
      await store.addRevocations([{ handle, until: Date.now() + 60_000 }])
      acknowledged.push(handle)
      if (acknowledged.length >= 500) crashed ??= primary.crash()
    }
  }
  await Promise.allSettled(Array.from({ length: 8 }, revoke))
  await crashed
  await standby.promote()
  const { handles } = await readAll(openStore(t, standby).store, null)
  t.same(
    acknowledged.filter((handle) => !handles.has(handle)),
    []
  )
})
