import { setImmediate as othersTurn } from 'node:timers/promises'
import type {
  Revocation,
  RevocationPage,
  SessionPage,
  SessionRecord,
  SessionStore,
  StoredKey
} from './store.ts'

/** So many records are looked at before other work of the process has its turn. */
const SLICE = 1000
const MINUTE_MS = 60_000

/**
 * Keeps sessions in this process: for development, tests, and apps that may forget everything when
 * they stop.
 *
 * What concerns one session is answered at once, without a promise. Records are frozen, so that
 * nobody changes what is stored.
 */
export function memoryStore(): SessionStore {
  return new MemoryStore()
}

/** Keeps nothing that outlives the process. */
export class MemoryStore implements SessionStore {
  readonly #records = new Map<string, SessionRecord>()
  /** Each user's handles, sorted, so that a page finds where the one before it ended. */
  readonly #byUser = new Map<string, string[]>()
  /** By the minute in which they end, so that nobody has to look through all of them. */
  readonly #byMinute = new Map<number, Set<string>>()
  /** Newest first. */
  #keys: readonly StoredKey[] = []
  /** In the order of adding. */
  readonly #revocations: Revocation[] = []
  /** So many revocations were deleted from the front of the list: cursors count these too. */
  #deletedRevocations = 0

  insert(record: SessionRecord): void {
    const { handle, userId, expiresAt } = record
    this.#records.set(handle, freeze(record))
    this.#indexUser(userId, handle)
    this.#indexMinute(minuteOf(expiresAt), handle)
  }

  get(handle: string): SessionRecord | null {
    return this.#records.get(handle) ?? null
  }

  replace(record: SessionRecord, expectedRevision: number): boolean {
    const { handle } = record
    const found = this.#records.get(handle)
    if (found?.revision !== expectedRevision) return false
    this.#records.set(handle, freeze(record))
    const [before, after] = [minuteOf(found.expiresAt), minuteOf(record.expiresAt)]
    if (before !== after) {
      this.#unindexMinute(before, handle)
      this.#indexMinute(after, handle)
    }
    return true
  }

  async delete(handles: readonly string[]): Promise<string[]> {
    const deleted: string[] = []
    for (let start = 0; start < handles.length; start += SLICE) {
      if (start > 0) await othersTurn()
      deleted.push(...this.#delete(handles.slice(start, start + SLICE)))
    }
    return deleted
  }

  listByUser(userId: string, nowMs: number, cursor: string | null, limit: number): SessionPage {
    const handles = this.#byUser.get(userId) ?? []
    const start = cursor === null ? 0 : positionAfter(handles, cursor)
    const page = handles.slice(start, start + limit)
    return {
      records: page
        .map((handle) => this.#records.get(handle) as SessionRecord)
        .filter(({ expiresAt }) => expiresAt > nowMs),
      next: start + limit < handles.length ? (handles[start + limit - 1] as string) : null
    }
  }

  addRevocations(revocations: readonly Revocation[]): void {
    for (const revocation of revocations) this.#revocations.push(Object.freeze({ ...revocation }))
  }

  revokedSince(cursor: string | null, limit: number): RevocationPage {
    const start = Math.max(0, Number(cursor) - this.#deletedRevocations)
    const revocations = this.#revocations.slice(start, start + limit)
    const end = start + revocations.length
    return {
      revocations,
      cursor: String(this.#deletedRevocations + end),
      isLast: end === this.#revocations.length
    }
  }

  deleteExpired(nowMs: number, limit: number): number {
    const expired = this.#findExpired(nowMs, limit)
    this.#delete(expired)
    const ended = this.#keys.filter(({ expiresAt }) => expiresAt !== null && expiresAt <= nowMs)
    const dropped = new Set(ended.slice(0, limit - expired.length))
    this.#keys = this.#keys.filter((key) => !dropped.has(key))
    const rest = limit - expired.length - dropped.size
    return limit - rest + this.#deleteEndedRevocations(nowMs, rest)
  }

  listKeys(): StoredKey[] {
    return [...this.#keys]
  }

  addKey(key: StoredKey, expectedNewestKid: string | null): boolean {
    const newest = this.#keys.find(({ kind }) => kind === key.kind)
    if ((newest?.kid ?? null) !== expectedNewestKid) return false
    this.#keys = [Object.freeze({ ...key }), ...this.#keys]
    return true
  }

  deleteKeys(kids: readonly string[]): void {
    this.#keys = this.#keys.filter(({ kid }) => !kids.includes(kid))
  }

  close(): void {}

  /** @returns Those that existed. */
  #delete(handles: readonly string[]): string[] {
    const byUser = new Map<string, Set<string>>()
    const deleted: string[] = []
    for (const handle of handles) {
      const record = this.#records.get(handle)
      if (record === undefined) continue
      const { userId, expiresAt } = record
      this.#records.delete(handle)
      this.#unindexMinute(minuteOf(expiresAt), handle)
      byUser.set(userId, (byUser.get(userId) ?? new Set()).add(handle))
      deleted.push(handle)
    }
    // All of a user's at once: to take each out of a long list would be slow.
    for (const [userId, gone] of byUser) this.#unindexUser(userId, gone)
    return deleted
  }

  #findExpired(nowMs: number, limit: number): string[] {
    const expired: string[] = []
    for (const [minute, handles] of this.#byMinute) {
      if (minute > minuteOf(nowMs)) continue
      for (const handle of handles) {
        if (expired.length === limit) return expired
        const { expiresAt } = this.#records.get(handle) as SessionRecord
        if (expiresAt <= nowMs) expired.push(handle)
      }
    }
    return expired
  }

  /** From the front: what came first ends first, but for a changed lifetime of access tokens. */
  #deleteEndedRevocations(nowMs: number, limit: number): number {
    const live = this.#revocations.findIndex(({ until }) => until > nowMs)
    const count = Math.min(live < 0 ? this.#revocations.length : live, limit)
    this.#revocations.splice(0, count)
    this.#deletedRevocations += count
    return count
  }

  #indexUser(userId: string, handle: string): void {
    const handles = this.#byUser.get(userId)
    if (handles === undefined) this.#byUser.set(userId, [handle])
    else handles.splice(positionAfter(handles, handle), 0, handle)
  }

  #unindexUser(userId: string, gone: ReadonlySet<string>): void {
    const handles = this.#byUser.get(userId) as string[]
    const left = handles.filter((handle) => !gone.has(handle))
    if (left.length === 0) this.#byUser.delete(userId)
    else this.#byUser.set(userId, left)
  }

  #indexMinute(minute: number, handle: string): void {
    const handles = this.#byMinute.get(minute)
    if (handles === undefined) this.#byMinute.set(minute, new Set([handle]))
    else handles.add(handle)
  }

  #unindexMinute(minute: number, handle: string): void {
    const handles = this.#byMinute.get(minute) as Set<string>
    handles.delete(handle)
    if (handles.size === 0) this.#byMinute.delete(minute)
  }
}

/** Where the first handle stands that sorts behind this one. */
function positionAfter(handles: readonly string[], handle: string): number {
  let [start, end] = [0, handles.length]
  while (start < end) {
    const middle = (start + end) >>> 1
    if ((handles[middle] as string) <= handle) start = middle + 1
    else end = middle
  }
  return start
}

function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS)
}

/**
 * A copy that nobody can change; all its members are strings, numbers or small plain objects.
 *
 * Spelled out, since objects that are spread and then frozen take three times the memory.
 */
function freeze(record: SessionRecord): SessionRecord {
  const { current, successor, previous } = record.rotation
  return Object.freeze({
    handle: record.handle,
    userId: record.userId,
    createdAt: record.createdAt,
    expiresAt: record.expiresAt,
    sessionData: record.sessionData,
    payload: record.payload,
    device: record.device,
    keyKind: record.keyKind,
    rotation: Object.freeze({
      current,
      successor:
        successor && Object.freeze({ nonce: successor.nonce, handedOutAt: successor.handedOutAt }),
      previous:
        previous &&
        Object.freeze({
          hash: previous.hash,
          confirmedAt: previous.confirmedAt,
          successorNonce: previous.successorNonce
        })
    }),
    revision: record.revision
  })
}
