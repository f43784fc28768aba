import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { checkNames, OptionsError } from '../options/checks.ts'
import { decodeRecord, encodeRecord } from './lmdb-record.ts'
import type {
  Revocation,
  RevocationPage,
  SessionPage,
  SessionRecord,
  SessionStore,
  StoredKey
} from './store.ts'

/* c8 ignore start: a bundle that is CommonJS has `require`, and no URL of its own */
const load = typeof require === 'function' ? require : createRequire(import.meta.url)
/* c8 ignore stop */
// Not by import: the declarations of lmdb do not compile as those of an ES module.
const { open } = load('lmdb') as {
  open(options: Readonly<Record<string, unknown>>): Environment
}

interface Environment {
  openDB<Value, Key>(options: {
    readonly name: string
    readonly encoding?: 'string'
  }): Table<Value, Key>
  /** Reads share a snapshot for a millisecond or so; the next read takes a new one. */
  resetReadTxn(): void
  /** Runs `action` under the lock of all writers, and resolves when its changes are committed. */
  transaction<T>(action: () => T): Promise<T>
  close(): Promise<void>
}

interface Table<Value, Key> {
  get(key: Key): Value | undefined
  putSync(key: Key, value: Value): boolean
  removeSync(key: Key): boolean
  getKeys(range: Range<Key>): Iterable<Key>
  getRange(range: Range<Key>): Iterable<{ readonly key: Key; readonly value: Value }>
}

interface Range<Key> {
  readonly start?: Key
  /** Not included. */
  readonly end?: Key
  readonly limit?: number
  readonly reverse?: boolean
}

/** What `lmdbStore` takes. */
export interface LmdbStoreOptions {
  /**
   * A folder for sessions alone, created where it is missing, for the user of this process alone (mode
   * 0700). A folder that others can read is warned of. On a disk of this machine: LMDB does
   * not work on network file systems.
   */
  readonly path: string
}

/**
 * Keeps sessions in a folder, for all processes of one machine.
 *
 * Reads answer at once, from memory that is mapped to the file. A write resolves when it has reached
 * the disk; writes of one moment reach it together.
 *
 * @throws OptionsError An option is unknown or of the wrong type.
 */
export function lmdbStore(options: LmdbStoreOptions): SessionStore {
  checkNames(options, ['path'], 'lmdbStore')
  const { path } = options
  if (typeof path !== 'string' || path === '') throw new OptionsError('path', 'a folder', path)
  return new LmdbStore(path)
}

/** Entries per transaction, so that thousands of them do not hold up requests. */
const BATCH = 100

type UserKey = [user: string, handle: string]
/** Behind all handles. */
const LAST = '\uffff'

/** Only the user that runs the app may read sessions and keys. From the folder's first moment on. */
function makePrivate(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  // Windows has no such modes.
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0)
    process.emitWarning(
      `The folder of lmdbStore can be read by other users of this machine: chmod 700 ${path}`,
      { code: 'SUPERSESSION_LMDB_FOLDER' }
    )
}

class LmdbStore implements SessionStore {
  readonly #root: Environment
  readonly #records: Table<string, string>
  /** Handles by their end: what has expired stands in front. */
  readonly #ends: Table<boolean, [expiresAt: number, handle: string]>
  /** Handles by user. Not by end, which moves: a list that is read page by page is to meet all. */
  readonly #users: Table<boolean, UserKey>
  /** In the order of adding. */
  readonly #keys: Table<StoredKey, number>
  /** In the order of adding. */
  readonly #revocations: Table<Revocation, number>
  readonly #used: Table<boolean, string>
  /** Used ids by their end. */
  readonly #usedEnds: Table<boolean, [until: number, id: string]>
  #closed: Promise<void> | undefined

  constructor(path: string) {
    makePrivate(path)
    // Without overlappingSync a commit resolves after it was flushed, and others see it only then.
    // Without eventTurnBatching nothing but the transaction itself learns that its commit failed.
    this.#root = open({
      path,
      noSubdir: false,
      overlappingSync: false,
      eventTurnBatching: false,
      encoding: 'json'
    })
    for (const name of ['data.mdb', 'lock.mdb']) chmodSync(join(path, name), 0o600)
    this.#records = this.#root.openDB({ name: 'sessions', encoding: 'string' })
    this.#ends = this.#root.openDB({ name: 'ends' })
    this.#users = this.#root.openDB({ name: 'users' })
    this.#keys = this.#root.openDB({ name: 'keys' })
    this.#revocations = this.#root.openDB({ name: 'revocations' })
    this.#used = this.#root.openDB({ name: 'used' })
    this.#usedEnds = this.#root.openDB({ name: 'used-ends' })
  }

  async insert(record: SessionRecord): Promise<void> {
    await this.#transact(() => {
      // The longest key first: what LMDB refuses leaves nothing behind.
      this.#users.putSync([hashOf(record.userId), record.handle], true)
      this.#put(record)
    })
  }

  get(handle: string): SessionRecord | null {
    this.#root.resetReadTxn()
    return this.#read(handle)
  }

  async replace(record: SessionRecord, expectedRevision: number): Promise<boolean> {
    return this.#transact(() => {
      const found = this.#read(record.handle)
      if (found?.revision !== expectedRevision) return false
      if (found.expiresAt !== record.expiresAt)
        this.#ends.removeSync([found.expiresAt, found.handle])
      this.#put(record)
      return true
    })
  }

  async delete(handles: readonly string[]): Promise<string[]> {
    const deleted: string[] = []
    for (let start = 0; start < handles.length; start += BATCH) {
      const batch = handles.slice(start, start + BATCH)
      deleted.push(...(await this.#transact(() => batch.filter((handle) => this.#delete(handle)))))
    }
    return deleted
  }

  listByUser(userId: string, nowMs: number, cursor: string | null, limit: number): SessionPage {
    this.#root.resetReadTxn()
    const user = hashOf(userId)
    const start: UserKey = [user, cursor ?? '']
    const found = this.#users.getKeys({ start, end: [user, LAST], limit: limit + 1 })
    const handles = Array.from(found, ([, handle]) => handle)
    const next = handles.length > limit ? (handles.pop() as string) : null
    const records = handles.map((handle) => this.#read(handle)).filter((record) => record !== null)
    return { records: records.filter(({ expiresAt }) => expiresAt > nowMs), next }
  }

  async addRevocations(revocations: readonly Revocation[]): Promise<void> {
    await this.#transact(() => {
      const [last = 0] = this.#revocations.getKeys({ reverse: true, limit: 1 })
      for (const [index, revocation] of revocations.entries())
        this.#revocations.putSync(last + 1 + index, revocation)
    })
  }

  revokedSince(cursor: string | null, limit: number): RevocationPage {
    this.#root.resetReadTxn()
    const start = Number(cursor) + 1
    const found = Array.from(this.#revocations.getRange({ start, limit: limit + 1 }))
    const page = found.slice(0, limit)
    return {
      revocations: page.map(({ value }) => value),
      cursor: String(page.at(-1)?.key ?? Number(cursor)),
      isLast: page.length === found.length
    }
  }

  async useOnce(id: string, until: number): Promise<boolean> {
    return this.#transact(() => {
      if (this.#used.get(id) !== undefined) return false
      this.#used.putSync(id, true)
      this.#usedEnds.putSync([until, id], true)
      return true
    })
  }

  async deleteExpired(nowMs: number, limit: number): Promise<number> {
    let total = await this.#inBatches(limit, (wanted) => this.#deleteEnded(nowMs, wanted))
    total += await this.#transact(() => this.#deleteEndedKeys(nowMs, limit - total))
    for (const deleteSome of [this.#deleteEndedRevocations, this.#deleteUsed])
      total += await this.#inBatches(limit - total, (wanted) =>
        deleteSome.call(this, nowMs, wanted)
      )
    return total
  }

  listKeys(): StoredKey[] {
    this.#root.resetReadTxn()
    return this.#readKeys()
  }

  async addKey(key: StoredKey, expectedNewestKid: string | null): Promise<boolean> {
    return this.#transact(() => {
      const newest = this.#readKeys().find(({ kind }) => kind === key.kind)
      if ((newest?.kid ?? null) !== expectedNewestKid) return false
      const [position = 0] = this.#keys.getKeys({ reverse: true, limit: 1 })
      this.#keys.putSync(position + 1, key)
      return true
    })
  }

  async deleteKeys(kids: readonly string[]): Promise<void> {
    await this.#transact(() => {
      const found = Array.from(this.#keys.getRange({}))
      for (const { key, value } of found) if (kids.includes(value.kid)) this.#keys.removeSync(key)
    })
  }

  async close(): Promise<void> {
    this.#closed ??= this.#root.close()
    await this.#closed
  }

  /** A transaction per batch, until one finds less to delete than it was asked to. */
  async #inBatches(limit: number, deleteSome: (wanted: number) => number): Promise<number> {
    let total = 0
    for (let wanted = 0, deleted = 0; deleted === wanted && total < limit; total += deleted) {
      wanted = Math.min(BATCH, limit - total)
      deleted = await this.#transact(() => deleteSome(wanted))
    }
    return total
  }

  async #transact<T>(action: () => T): Promise<T> {
    try {
      return await this.#root.transaction(action)
    } catch (error) {
      // Of a failed commit the error carries a rejected promise, which would end the process.
      const { commitError } = Object(error) as { commitError?: Promise<never> }
      commitError?.catch(() => {})
      throw error
    }
  }

  #readKeys(): StoredKey[] {
    return Array.from(this.#keys.getRange({ reverse: true }), ({ value }) => value)
  }

  #read(handle: string): SessionRecord | null {
    const text = this.#records.get(handle)
    return text === undefined ? null : decodeRecord(handle, text)
  }

  #put(record: SessionRecord): void {
    const { handle, expiresAt } = record
    this.#ends.putSync([expiresAt, handle], true)
    this.#records.putSync(handle, encodeRecord(record))
  }

  #delete(handle: string): boolean {
    const found = this.#read(handle)
    if (found === null) return false
    this.#records.removeSync(handle)
    this.#ends.removeSync([found.expiresAt, handle])
    this.#users.removeSync([hashOf(found.userId), handle])
    return true
  }

  #deleteEnded(nowMs: number, limit: number): number {
    const ended = Array.from(this.#ends.getKeys({ end: [nowMs + 1, ''], limit }))
    for (const [, handle] of ended) this.#delete(handle)
    return ended.length
  }

  #deleteUsed(nowMs: number, limit: number): number {
    const ended = Array.from(this.#usedEnds.getKeys({ end: [nowMs + 1, ''], limit }))
    for (const [until, id] of ended) {
      this.#used.removeSync(id)
      this.#usedEnds.removeSync([until, id])
    }
    return ended.length
  }

  #deleteEndedKeys(nowMs: number, limit: number): number {
    const ended = Array.from(this.#keys.getRange({}))
      .filter(({ value: { expiresAt } }) => expiresAt !== null && expiresAt <= nowMs)
      .slice(0, limit)
    for (const { key } of ended) this.#keys.removeSync(key)
    return ended.length
  }

  /** The newest one stays, so that numbers go on from there and no cursor is ahead of them. */
  #deleteEndedRevocations(nowMs: number, limit: number): number {
    const found = Array.from(this.#revocations.getRange({ limit: limit + 1 }))
    const live = found.findIndex(({ value }) => value.until > nowMs)
    const ended = live < 0 ? found.slice(0, -1) : found.slice(0, Math.min(live, limit))
    for (const { key } of ended) this.#revocations.removeSync(key)
    return ended.length
  }
}

/** LMDB's keys are short, and a user's id may be long. */
function hashOf(userId: string): string {
  return createHash('sha256').update(userId).digest('base64url')
}
