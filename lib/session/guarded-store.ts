import type { Awaitable, SessionRecord, SessionStore, StoredKey } from '../../types/store.d.ts'
import { StoreUnavailableError } from '../errors/store-unavailable-error.ts'
import { isPromise } from './awaitable.ts'

/** A store whose failures are 503s: it says nothing about the session, so nobody is logged out. */
export class GuardedStore implements SessionStore {
  /** There where the store has it. */
  readonly now?: () => Awaitable<number>
  readonly #store: SessionStore
  readonly #onDelete: (handles: readonly string[]) => void

  /** @param onDelete - Is told of sessions that were there and are deleted now. */
  constructor(store: SessionStore, onDelete: (handles: readonly string[]) => void) {
    this.#store = store
    this.#onDelete = onDelete
    const now = store.now?.bind(store)
    if (now !== undefined) this.now = () => guard(now)
  }

  insert(record: SessionRecord): Awaitable<void> {
    return guard(() => this.#store.insert(record))
  }

  get(handle: string): Awaitable<SessionRecord | null> {
    return guard(() => this.#store.get(handle))
  }

  replace(record: SessionRecord, expectedRevision: number): Awaitable<boolean> {
    return guard(() => this.#store.replace(record, expectedRevision))
  }

  async delete(handles: readonly string[]): Promise<string[]> {
    const deleted = await guard(() => this.#store.delete(handles))
    this.#onDelete(deleted)
    return deleted
  }

  listByUser(userId: string, nowMs: number): Awaitable<string[]> {
    return guard(() => this.#store.listByUser(userId, nowMs))
  }

  deleteExpired(nowMs: number, limit: number): Awaitable<number> {
    return guard(() => this.#store.deleteExpired(nowMs, limit))
  }

  listKeys(): Awaitable<StoredKey[]> {
    return guard(() => this.#store.listKeys())
  }

  addKey(key: StoredKey, expectedNewestKid: string | null): Awaitable<boolean> {
    return guard(() => this.#store.addKey(key, expectedNewestKid))
  }

  close(): Awaitable<void> {
    return this.#store.close()
  }
}

function guard<T>(call: () => Awaitable<T>): Awaitable<T> {
  try {
    const result = call()
    return isPromise(result) ? result.catch(unavailable) : result
  } catch (cause) {
    return unavailable(cause)
  }
}

function unavailable(cause: unknown): never {
  throw new StoreUnavailableError({ cause })
}
