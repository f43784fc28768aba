import { setImmediate as othersTurn } from 'node:timers/promises'
import type { SessionRecord, SessionStore, StoredKey } from './store.ts'

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
  readonly #byUser = new HandleIndex<string>()
  /** By the minute in which they end, so that nobody has to look through all of them. */
  readonly #byMinute = new HandleIndex<number>()
  /** Newest first. */
  #keys: readonly StoredKey[] = []

  insert(record: SessionRecord): void {
    const { handle, userId, expiresAt } = record
    this.#records.set(handle, freeze(record))
    this.#byUser.add(userId, handle)
    this.#byMinute.add(minuteOf(expiresAt), handle)
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
      this.#byMinute.delete(before, handle)
      this.#byMinute.add(after, handle)
    }
    return true
  }

  async delete(handles: readonly string[]): Promise<string[]> {
    const deleted: string[] = []
    await inSlices(handles, (handle) => {
      if (this.#delete(handle)) deleted.push(handle)
    })
    return deleted
  }

  async listByUser(userId: string, nowMs: number): Promise<string[]> {
    const live: SessionRecord[] = []
    await inSlices([...this.#byUser.get(userId)], (handle) => {
      const record = this.#records.get(handle)
      if (record !== undefined && record.expiresAt > nowMs) live.push(record)
    })
    return live.sort((a, b) => a.expiresAt - b.expiresAt).map(({ handle }) => handle)
  }

  deleteExpired(nowMs: number, limit: number): number {
    const expired = this.#findExpired(nowMs, limit)
    for (const handle of expired) this.#delete(handle)
    const ended = this.#keys.filter(({ expiresAt }) => expiresAt !== null && expiresAt <= nowMs)
    const dropped = new Set(ended.slice(0, limit - expired.length))
    this.#keys = this.#keys.filter((key) => !dropped.has(key))
    return expired.length + dropped.size
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

  close(): void {}

  #delete(handle: string): boolean {
    const record = this.#records.get(handle)
    if (record === undefined) return false
    this.#records.delete(handle)
    this.#byUser.delete(record.userId, handle)
    this.#byMinute.delete(minuteOf(record.expiresAt), handle)
    return true
  }

  #findExpired(nowMs: number, limit: number): string[] {
    const expired: string[] = []
    for (const [minute, handles] of this.#byMinute.entries()) {
      if (minute > minuteOf(nowMs)) continue
      for (const handle of handles) {
        if (expired.length === limit) return expired
        const { expiresAt } = this.#records.get(handle) as SessionRecord
        if (expiresAt <= nowMs) expired.push(handle)
      }
    }
    return expired
  }
}

/** The handles of all sessions that have something in common. */
class HandleIndex<Key> {
  readonly #sets = new Map<Key, Set<string>>()

  add(key: Key, handle: string): void {
    const handles = this.#sets.get(key)
    if (handles === undefined) this.#sets.set(key, new Set([handle]))
    else handles.add(handle)
  }

  delete(key: Key, handle: string): void {
    const handles = this.#sets.get(key) as Set<string>
    handles.delete(handle)
    if (handles.size === 0) this.#sets.delete(key)
  }

  get(key: Key): Iterable<string> {
    return this.#sets.get(key) ?? []
  }

  entries(): Iterable<[Key, Iterable<string>]> {
    return this.#sets.entries()
  }
}

function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS)
}

async function inSlices<T>(list: readonly T[], act: (item: T) => void): Promise<void> {
  for (let start = 0; start < list.length; start += SLICE) {
    if (start > 0) await othersTurn()
    list.slice(start, start + SLICE).forEach(act)
  }
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
