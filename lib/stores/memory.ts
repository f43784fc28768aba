import type { SessionRecord, SessionStore, StoredKey } from '../../types/store.d.ts'

/**
 * Keeps sessions in this process: for development, tests, and apps that may forget everything when
 * they stop.
 *
 * Answers at once, without a promise. Records are frozen, so that nobody changes what is stored.
 */
export function memoryStore(): SessionStore {
  return new MemoryStore()
}

class MemoryStore implements SessionStore {
  readonly #records = new Map<string, SessionRecord>()
  readonly #handlesByUser = new Map<string, Set<string>>()
  /** Newest first. */
  #keys: readonly StoredKey[] = []

  insert(record: SessionRecord): void {
    this.#records.set(record.handle, freeze(record))
    const handles = this.#handlesByUser.get(record.userId)
    if (handles === undefined) this.#handlesByUser.set(record.userId, new Set([record.handle]))
    else handles.add(record.handle)
  }

  get(handle: string): SessionRecord | null {
    return this.#records.get(handle) ?? null
  }

  replace(record: SessionRecord, expectedRevision: number): boolean {
    if (this.#records.get(record.handle)?.revision !== expectedRevision) return false
    this.#records.set(record.handle, freeze(record))
    return true
  }

  delete(handles: readonly string[]): string[] {
    return handles.filter((handle) => this.#delete(handle))
  }

  listByUser(userId: string, nowMs: number): string[] {
    const handles = this.#handlesByUser.get(userId) ?? []
    return [...handles]
      .map((handle) => this.#records.get(handle) as SessionRecord)
      .filter((record) => record.expiresAt > nowMs)
      .sort((a, b) => a.expiresAt - b.expiresAt)
      .map((record) => record.handle)
  }

  deleteExpired(nowMs: number, limit: number): number {
    const expired: string[] = []
    for (const { handle, expiresAt } of this.#records.values()) {
      if (expired.length === limit) break
      if (expiresAt <= nowMs) expired.push(handle)
    }
    this.delete(expired)
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
    const handles = this.#handlesByUser.get(record.userId) as Set<string>
    handles.delete(handle)
    if (handles.size === 0) this.#handlesByUser.delete(record.userId)
    return true
  }
}

/** A copy that nobody can change; all its members are strings, numbers or small plain objects. */
function freeze(record: SessionRecord): SessionRecord {
  const { current, successor, previous } = record.rotation
  const rotation = Object.freeze({
    current,
    successor: successor && Object.freeze({ ...successor }),
    previous: previous && Object.freeze({ ...previous })
  })
  return Object.freeze({ ...record, rotation })
}
