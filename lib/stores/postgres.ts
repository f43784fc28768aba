import { checkNames, OptionsError } from '../options/checks.ts'
import type {
  Revocation,
  RevocationPage,
  SessionPage,
  SessionRecord,
  SessionStore,
  StoredKey
} from './store.ts'

/** What is used of a `Pool` or `Client` of pg, or of `@fastify/postgres`'s `app.pg`. */
export interface PostgresClient {
  /** Runs one statement. */
  query(text: string, values?: unknown[]): Promise<PostgresResult>
  /** How many listen for `error` (Node's `EventEmitter`). */
  listenerCount?(event: 'error'): number
  /** The pool of `app.pg`. */
  readonly pool?: Pick<PostgresClient, 'listenerCount'>
}

/** What is read of the answer to a query. */
export interface PostgresResult {
  readonly rows: Record<string, unknown>[]
  readonly rowCount: number | null
}

/** What `postgresStore` takes. */
export interface PostgresStoreOptions {
  /**
   * A pool, so that requests do not wait for each other, with a `statement_timeout` of ten seconds,
   * after which requests have given up, and a listener for `error`. Closing it is left to the app.
   */
  readonly client: PostgresClient
  /**
   * What the names of the tables begin with, after a schema and a dot if need be.
   * @defaultValue 'supersession'
   */
  readonly table?: string
}

/** A store whose tables can be created from here. */
export interface PostgresStore extends SessionStore {
  /**
   * Creates the tables and indexes of {@link postgresSchema} where they are missing, and brings
   * tables of earlier versions up to date while they are used. Can be called at every start, by any
   * number of processes at a time.
   *
   * @throws An error that says what to do where the tables were in use for too long, or the client's
   * `statement_timeout` is too short for their size. What was done by then stays.
   */
  migrate(): Promise<void>
}

/**
 * Keeps sessions in PostgreSQL, from 12.
 *
 * Each method is one statement without a name and without a transaction around it, so that PgBouncer
 * may give every statement another connection.
 *
 * @throws OptionsError An option is unknown or of the wrong type.
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  checkNames(options, ['client', 'table'], 'postgresStore')
  const { client, table = DEFAULT_TABLE } = options
  if (typeof (client as Partial<PostgresClient> | null | undefined)?.query !== 'function')
    throw new OptionsError('client', 'a Pool or Client of pg', client)
  return new StatementStore(client, checkTable(table))
}

/**
 * The tables and indexes, as SQL that can be run again: for tools that manage the schema. What tables
 * of earlier versions need before is in docs/stores.md.
 *
 * @param table - As given to {@link postgresStore}.
 */
export function postgresSchema(table: string = DEFAULT_TABLE): string {
  const name = checkTable(table)
  return `${tablesOf(name)}
${indexesOf(name)
  .map(({ create }) => create('IF NOT EXISTS'))
  .join('\n')}
`
}

/**
 * Statements that PostgreSQL runs in one transaction. Columns that a refresh changes stand at the end
 * of a session: what is logged of a row is what lies between the first and the last change.
 */
function tablesOf(name: string): string {
  return `CREATE TABLE IF NOT EXISTS ${name}_sessions (
  handle text PRIMARY KEY,
  user_id text NOT NULL,
  created_at bigint NOT NULL,
  session_data text NOT NULL,
  payload text NOT NULL,
  device text NOT NULL,
  key_kind text NOT NULL,
  expires_at bigint NOT NULL,
  rotation text NOT NULL,
  revision integer NOT NULL,
  ends_on integer NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE TABLE IF NOT EXISTS ${name}_keys (
  kid text PRIMARY KEY,
  kind text NOT NULL,
  algorithm text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint,
  material text NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  previous_kid text NOT NULL,
  UNIQUE (kind, previous_kid)
);
CREATE TABLE IF NOT EXISTS ${name}_revocations (
  txid bigint NOT NULL DEFAULT txid_current(),
  position bigint GENERATED ALWAYS AS IDENTITY,
  expires_at bigint NOT NULL,
  revocation text NOT NULL,
  PRIMARY KEY (txid, position)
);
CREATE TABLE IF NOT EXISTS ${name}_used (
  id text PRIMARY KEY,
  expires_at bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS ${withoutSchema(name)}_used_by_end ON ${name}_used (expires_at);`
}

/** An index has the schema of its table, and its name must not say so. */
function withoutSchema(name: string): string {
  return name.slice(name.indexOf('.') + 1)
}

interface Index {
  readonly name: string
  /** The statement, with what stands between CREATE INDEX and the name. */
  readonly create: (how: string) => string
}

/**
 * No index has a column that a refresh changes: PostgreSQL then writes no index (a HOT update). The
 * end of a session changes with each refresh, so what is indexed is the day of it.
 */
function indexesOf(table: string): readonly Index[] {
  const sessions = `${table}_sessions`
  const prefix = withoutSchema(sessions)
  const index = (name: string, columns: string): Index => ({
    name: `${prefix}_${name}`,
    create: (how) => `CREATE INDEX ${how} ${prefix}_${name} ON ${sessions} (${columns});`
  })
  return [index('of_user', 'user_id, handle'), index('by_day', 'ends_on')]
}

const DEFAULT_TABLE = 'supersession'
const TABLE = /^(?:[a-z_][a-z0-9_]{0,39}\.)?[a-z_][a-z0-9_]{0,39}$/

/** It becomes part of statements, so nothing goes through that would have to be quoted. */
function checkTable(table: unknown): string {
  if (typeof table === 'string' && TABLE.test(table)) return table
  const expected =
    'a name of at most 40 lower-case letters, digits and underscores, after a schema and a dot if need be'
  throw new OptionsError('table', expected, table)
}

/**
 * Lets one process migrate at a time. Several statements in one query are one transaction, which is
 * what the lock lasts for. Any number that others are unlikely to lock by.
 */
const LOCK = 'SELECT pg_advisory_xact_lock(7306924081);\n'

/** Rows of an earlier version that are brought up to date at a time. */
const MIGRATION_BATCH = 1000
const DAY_MS = 86_400_000

/** What waits for a lock on a table holds up all others, so it does not wait for a long transaction. */
const SHORT_WAIT = "SET LOCAL lock_timeout = '2s';\n"

/** By SQLSTATE: lock_not_available and query_canceled. */
const REMEDIES = new Map<unknown, string>([
  [
    '55P03',
    'a transaction has used the table for longer than two seconds. Call it again when that has ended'
  ],
  [
    '57014',
    "an index takes longer than statement_timeout allows. Call it once with a client without a limit, new pg.Pool({ options: '-c statement_timeout=0' })"
  ]
])

/** SQLSTATE of what says nothing but "again": serialization_failure and deadlock_detected. */
const RETRIED_CODES = new Set<unknown>(['40001', '40P01'])
/** These, and of what another process makes: duplicate_table and unique_violation. */
const CROSSED_CODES = new Set<unknown>([...RETRIED_CODES, '42P07', '23505'])
const MAX_ATTEMPTS = 20

class StatementStore implements PostgresStore {
  readonly #client: PostgresClient
  readonly #table: string
  readonly #statements: ReturnType<typeof statementsOf>
  #isClientKnown = false

  constructor(client: PostgresClient, table: string) {
    this.#client = client
    this.#table = table
    this.#statements = statementsOf(table)
  }

  async migrate(): Promise<void> {
    try {
      await this.#migrate()
    } catch (error) {
      const remedy = REMEDIES.get((error as { code?: unknown }).code)
      if (remedy === undefined) throw error
      throw new Error(`migrate() of postgresStore did not finish: ${remedy}`, { cause: error })
    }
  }

  async #migrate(): Promise<void> {
    const table = this.#table
    const { rows } = await this.#query('SELECT to_regclass($1) AS found', [`${table}_sessions`])
    if (rows[0]?.['found'] === null) {
      await this.#query(LOCK + postgresSchema(table))
      return
    }
    await this.#query(`${LOCK}${tablesOf(table)}\n${SHORT_WAIT}${this.#statements.addColumn}`)
    for (const index of indexesOf(table)) if (!(await this.#createIndex(index))) return
    await this.#query(LOCK + SHORT_WAIT + this.#statements.dropFormerIndexes)
    for (let count = MIGRATION_BATCH; count === MIGRATION_BATCH; )
      count = Number((await this.#query(this.#statements.fillColumn)).rowCount)
  }

  /**
   * Creates an index while the table is in use, unless it is there.
   *
   * @returns `false` where another process is at it, which then does the rest as well.
   */
  async #createIndex({ name, create }: Index): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      const { rows } = await this.#query(this.#statements.indexState, [name])
      const isValid = rows[0]?.['is_valid']
      if (rows[0]?.['is_busy'] === true) return false
      if (isValid === true) return true
      // It broke off while it was made.
      if (isValid === false)
        await this.#query(`DROP INDEX CONCURRENTLY IF EXISTS ${this.#schema()}${name}`)
      const created = this.#client.query(create('CONCURRENTLY IF NOT EXISTS'))
      await created.catch((error: { code?: unknown }) => {
        if (attempt === MAX_ATTEMPTS || !CROSSED_CODES.has(error.code)) throw error
      })
    }
  }

  #schema(): string {
    return this.#table.slice(0, this.#table.indexOf('.') + 1)
  }

  async insert(record: SessionRecord): Promise<void> {
    await this.#query(this.#statements.insert, columnsOf(record))
  }

  async get(handle: string): Promise<SessionRecord | null> {
    const { rows } = await this.#query(this.#statements.get, [handle])
    return rows[0] === undefined ? null : toRecord(rows[0])
  }

  async replace(record: SessionRecord, expectedRevision: number): Promise<boolean> {
    const values = [...columnsOf(record), expectedRevision]
    return (await this.#query(this.#statements.replace, values)).rowCount === 1
  }

  async delete(handles: readonly string[]): Promise<string[]> {
    const { rows } = await this.#query(this.#statements.delete, [handles])
    return rows.map(({ handle }) => String(handle))
  }

  async listByUser(
    userId: string,
    nowMs: number,
    cursor: string | null,
    limit: number
  ): Promise<SessionPage> {
    const values = [userId, cursor ?? '', limit]
    const { rows } = await this.#query(this.#statements.listByUser, values)
    const found = rows.map(toRecord)
    return {
      records: found.filter(({ expiresAt }) => expiresAt > nowMs),
      next: found[limit - 1]?.handle ?? null
    }
  }

  async addRevocations(revocations: readonly Revocation[]): Promise<void> {
    const texts = revocations.map((revocation) => JSON.stringify(revocation))
    await this.#query(this.#statements.addRevocations, [
      revocations.map(({ until }) => until),
      texts
    ])
  }

  /**
   * A transaction with a lower number can commit later, so that a place in a sequence is no cursor. It
   * is the snapshot of a round: the next one answers what that did not see. While a round lasts the
   * place of its last row is there too, and the snapshot that it began with.
   *
   * A server that was restored, or that took over, may count transactions from a lower number on. When
   * it was started tells it from the one before, and then everything is answered anew.
   */
  async revokedSince(cursor: string | null, limit: number): Promise<RevocationPage> {
    const [server, seen = EMPTY_SNAPSHOT, ...place] = cursor?.split(' ') ?? []
    // A snapshot begins with the number of the oldest transaction that it did not see.
    const [txid = seen.split(':', 1)[0], position = '0', begun] = place
    const { rows } = await this.#query(this.#statements.revokedSince, [seen, txid, position, limit])
    const startedAt = String(rows[0]?.['started_at'])
    if (startedAt !== (server ?? startedAt)) return this.revokedSince(null, limit)
    const next = begun ?? String(rows[0]?.['snapshot'])
    const page = rows.filter(({ revocation }) => revocation !== null)
    const last = page.at(-1)
    const isLast = page.length < limit
    const rest = isLast ? [next] : [seen, last?.['txid'], last?.['position'], next]
    return {
      revocations: page.map(({ revocation }) => JSON.parse(String(revocation))),
      cursor: [startedAt, ...rest].join(' '),
      isLast
    }
  }

  async useOnce(id: string, until: number): Promise<boolean> {
    return (await this.#query(this.#statements.useOnce, [id, until])).rowCount === 1
  }

  async deleteExpired(nowMs: number, limit: number): Promise<number> {
    const { rows } = await this.#query(this.#statements.deleteExpired, [nowMs, limit])
    return Number(rows[0]?.['deleted'])
  }

  async listKeys(): Promise<StoredKey[]> {
    return (await this.#query(this.#statements.listKeys, [])).rows.map(toKey)
  }

  async addKey(key: StoredKey, expectedNewestKid: string | null): Promise<boolean> {
    const { kid, kind, algorithm, createdAt, expiresAt, material } = key
    const values = [kid, kind, algorithm, createdAt, expiresAt, material, expectedNewestKid ?? '']
    return (await this.#query(this.#statements.addKey, values)).rowCount === 1
  }

  async deleteKeys(kids: readonly string[]): Promise<void> {
    await this.#query(this.#statements.deleteKeys, [kids])
  }

  async now(): Promise<number> {
    const { rows } = await this.#query(NOW, [])
    this.#warnOfClient(rows[0]?.['statement_timeout'])
    return Number(rows[0]?.['now'])
  }

  #warnOfClient(statementTimeout: unknown): void {
    if (this.#isClientKnown) return
    this.#isClientKnown = true
    // A request that gives up does not end its statement, which holds a connection of the pool.
    if (statementTimeout === '0')
      process.emitWarning(
        'Statements of postgresStore have no time limit, so that one that waits for a lock holds its connection: new pg.Pool({ statement_timeout: 10_000 })',
        { code: 'SUPERSESSION_POSTGRES_TIMEOUT' }
      )
    const { pool = this.#client } = this.#client
    if (pool.listenerCount?.('error') === 0)
      process.emitWarning(
        "Nobody listens for 'error' on the client of postgresStore, so that an idle connection that breaks ends the process: pool.on('error', (error) => app.log.error(error))",
        { code: 'SUPERSESSION_POSTGRES_ERRORS' }
      )
  }

  close(): void {}

  /** A statement is a transaction of its own, so one that was rolled back can be sent again. */
  async #query(text: string, values?: unknown[]): Promise<PostgresResult> {
    for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
      try {
        return await this.#client.query(text, values)
      } catch (error) {
        if (!RETRIED_CODES.has((error as { code?: unknown }).code)) throw error
      }
    }
    return this.#client.query(text, values)
  }
}

/** One that sees nothing. */
const EMPTY_SNAPSHOT = '1:1:'

const NOW = `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now,
  current_setting('statement_timeout') AS statement_timeout`

function statementsOf(table: string) {
  const [sessions, keys] = [`${table}_sessions`, `${table}_keys`]
  const revocations = `${table}_revocations`
  const used = `${table}_used`
  return {
    // It takes no time, since the default is constant. But ALTER TABLE waits for all other statements
    // even where there is nothing to add.
    addColumn: `DO $$ BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = '${sessions}'::regclass AND attname = 'ends_on' AND NOT attisdropped
  ) THEN
    ALTER TABLE ${sessions} ADD COLUMN IF NOT EXISTS ends_on integer NOT NULL DEFAULT 0;
  END IF;
END $$`,

    // Every refresh had to write them. Where others do not let go of the table in time, the next start
    // drops them.
    dropFormerIndexes: `DO $$ BEGIN
  DROP INDEX IF EXISTS ${sessions}_by_user, ${sessions}_by_end;
EXCEPTION WHEN lock_not_available THEN NULL;
END $$`,

    fillColumn: `WITH former AS MATERIALIZED (
  SELECT handle FROM ${sessions} WHERE ends_on = 0 LIMIT ${MIGRATION_BATCH} FOR UPDATE SKIP LOCKED
)
UPDATE ${sessions} SET ends_on = expires_at / ${DAY_MS} FROM former
WHERE ${sessions}.handle = former.handle`,

    indexState: `SELECT (
    SELECT indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = '${sessions}'::regclass AND relname = $1
  ) AS is_valid, EXISTS (
    SELECT FROM pg_stat_progress_create_index
    WHERE relid = '${sessions}'::regclass AND datname = current_database()
  ) AS is_busy`,

    insert: `INSERT INTO ${sessions}
  (handle, user_id, created_at, expires_at, session_data, payload, device, key_kind, rotation, revision,
  ends_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $4::bigint / ${DAY_MS})`,

    get: `SELECT * FROM ${sessions} WHERE handle = $1`,

    // Who comes second waits for the row's lock, and then finds another revision. A long value that is
    // set is stored anew, even where it is the same: only a column that is set to itself is left alone.
    replace: `UPDATE ${sessions}
SET user_id = $2, created_at = $3, expires_at = $4,
  session_data = CASE WHEN session_data = $5 THEN session_data ELSE $5 END,
  payload = CASE WHEN payload = $6 THEN payload ELSE $6 END,
  device = CASE WHEN device = $7 THEN device ELSE $7 END,
  key_kind = $8, rotation = $9, revision = $10, ends_on = $4::bigint / ${DAY_MS}
WHERE handle = $1 AND revision = $11`,

    // In one order, so that two who delete the same handles do not wait for each other.
    delete: `WITH doomed AS MATERIALIZED (
  SELECT handle FROM ${sessions} WHERE handle = ANY ($1::text[]) ORDER BY handle FOR UPDATE
)
DELETE FROM ${sessions} USING doomed WHERE ${sessions}.handle = doomed.handle
RETURNING ${sessions}.handle`,

    listByUser: `SELECT * FROM ${sessions}
WHERE user_id = $1 AND handle > $2
ORDER BY handle LIMIT $3`,

    addRevocations: `INSERT INTO ${revocations} (expires_at, revocation)
SELECT * FROM unnest($1::bigint[], $2::text[])`,

    revokedSince: `SELECT started_at, snapshot, txid, position, revocation
FROM (
  SELECT floor(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS started_at,
    txid_current_snapshot() AS snapshot
) AS of_now
LEFT JOIN LATERAL (
  SELECT txid, position, revocation FROM ${revocations}
  WHERE (txid, position) > ($2::bigint, $3::bigint) AND NOT txid_visible_in_snapshot(txid, $1::txid_snapshot)
  ORDER BY txid, position LIMIT $4
) AS found ON true`,

    // Materialised: a plan that ran the inner query again would delete more than the limit.
    deleteExpired: `WITH ended AS MATERIALIZED (
  SELECT handle FROM ${sessions} WHERE ends_on <= $1::bigint / ${DAY_MS} AND expires_at <= $1
  LIMIT $2 FOR UPDATE SKIP LOCKED
), deleted AS (
  DELETE FROM ${sessions} USING ended WHERE ${sessions}.handle = ended.handle RETURNING 1
), ended_keys AS MATERIALIZED (
  SELECT kid FROM ${keys} WHERE expires_at <= $1
  LIMIT $2 - (SELECT count(*) FROM ended) FOR UPDATE SKIP LOCKED
), deleted_keys AS (
  DELETE FROM ${keys} USING ended_keys WHERE ${keys}.kid = ended_keys.kid RETURNING 1
), ended_revocations AS MATERIALIZED (
  SELECT txid, position FROM ${revocations} WHERE expires_at <= $1
  LIMIT $2 - (SELECT count(*) FROM ended) - (SELECT count(*) FROM ended_keys)
  FOR UPDATE SKIP LOCKED
), deleted_revocations AS (
  DELETE FROM ${revocations} USING ended_revocations
  WHERE (${revocations}.txid, ${revocations}.position)
    = (ended_revocations.txid, ended_revocations.position) RETURNING 1
), ended_used AS MATERIALIZED (
  SELECT id FROM ${used} WHERE expires_at <= $1
  LIMIT $2 - (SELECT count(*) FROM ended) - (SELECT count(*) FROM ended_keys)
    - (SELECT count(*) FROM ended_revocations)
  FOR UPDATE SKIP LOCKED
), deleted_used AS (
  DELETE FROM ${used} USING ended_used WHERE ${used}.id = ended_used.id RETURNING 1
)
SELECT (SELECT count(*) FROM deleted) + (SELECT count(*) FROM deleted_keys)
  + (SELECT count(*) FROM deleted_revocations) + (SELECT count(*) FROM deleted_used) AS deleted`,

    useOnce: `INSERT INTO ${used} (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`,

    listKeys: `SELECT kid, kind, algorithm, created_at, expires_at, material FROM ${keys}
ORDER BY position DESC`,

    deleteKeys: `DELETE FROM ${keys} WHERE kid = ANY ($1::text[])`,

    // Two who see the same newest key meet at the unique (kind, previous_kid).
    addKey: `INSERT INTO ${keys} (kid, kind, algorithm, created_at, expires_at, material, previous_kid)
SELECT $1, $2::text, $3, $4, $5, $6, $7::text
WHERE coalesce((SELECT kid FROM ${keys} WHERE kind = $2 ORDER BY position DESC LIMIT 1), '') = $7
ON CONFLICT DO NOTHING`
  }
}

function columnsOf(record: SessionRecord): unknown[] {
  const { handle, userId, createdAt, expiresAt, sessionData, payload, device, keyKind } = record
  const rotation = JSON.stringify(record.rotation)
  const texts = [sessionData, payload, device, keyKind, rotation]
  return [handle, userId, createdAt, expiresAt, ...texts, record.revision]
}

function toRecord(row: Record<string, unknown>): SessionRecord {
  return {
    handle: String(row['handle']),
    userId: String(row['user_id']),
    createdAt: Number(row['created_at']),
    expiresAt: Number(row['expires_at']),
    sessionData: String(row['session_data']),
    payload: String(row['payload']),
    device: String(row['device']),
    keyKind: row['key_kind'] as SessionRecord['keyKind'],
    rotation: JSON.parse(String(row['rotation'])),
    revision: Number(row['revision'])
  }
}

function toKey(row: Record<string, unknown>): StoredKey {
  return {
    kid: String(row['kid']),
    kind: row['kind'] as StoredKey['kind'],
    algorithm: row['algorithm'] as StoredKey['algorithm'],
    createdAt: Number(row['created_at']),
    expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
    material: String(row['material'])
  }
}
