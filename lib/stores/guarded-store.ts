import { type Awaitable, isPromise } from '../awaitable.ts'
import { StoreUnavailableError } from '../errors/http-exception.ts'
import type { SessionRecord, SessionStore, StoredKey } from './store.ts'

/** Longer than a store takes that works; by then a client rather tries again. */
const DEADLINE_MS = 10_000
/** Handles that a store deletes in one deadline, a slow disk included. */
const HANDLES_PER_DEADLINE = 1000

export interface GuardSettings {
  /** Is told of sessions that were there and are deleted now. */
  readonly onDelete?: (handles: readonly string[]) => void
  /** How long the store has for an answer. @defaultValue 10 seconds */
  readonly deadlineMs?: number
}

/**
 * A store whose failures, silence included, are 503s: they say nothing about the session, so nobody
 * is logged out.
 */
export class GuardedStore implements SessionStore {
  /** There where the store has it. */
  readonly now?: () => Awaitable<number>
  readonly #store: SessionStore
  readonly #onDelete: GuardSettings['onDelete']
  readonly #deadlineMs: number

  constructor(store: SessionStore, { onDelete, deadlineMs = DEADLINE_MS }: GuardSettings = {}) {
    this.#store = store
    this.#onDelete = onDelete
    this.#deadlineMs = deadlineMs
    const now = store.now?.bind(store)
    if (now !== undefined) this.now = () => this.#guard(now)
  }

  insert(record: SessionRecord): Awaitable<void> {
    return this.#guard(() => this.#store.insert(record))
  }

  get(handle: string): Awaitable<SessionRecord | null> {
    return this.#guard(() => this.#store.get(handle))
  }

  replace(record: SessionRecord, expectedRevision: number): Awaitable<boolean> {
    return this.#guard(() => this.#store.replace(record, expectedRevision))
  }

  async delete(handles: readonly string[]): Promise<string[]> {
    const deadlines = Math.max(1, handles.length / HANDLES_PER_DEADLINE)
    const deleted = await this.#guard(() => this.#store.delete(handles), deadlines)
    this.#onDelete?.(deleted)
    return deleted
  }

  listByUser(userId: string, nowMs: number): Awaitable<string[]> {
    return this.#guard(() => this.#store.listByUser(userId, nowMs))
  }

  deleteExpired(nowMs: number, limit: number): Awaitable<number> {
    return this.#guard(() => this.#store.deleteExpired(nowMs, limit))
  }

  listKeys(): Awaitable<StoredKey[]> {
    return this.#guard(() => this.#store.listKeys())
  }

  addKey(key: StoredKey, expectedNewestKid: string | null): Awaitable<boolean> {
    return this.#guard(() => this.#store.addKey(key, expectedNewestKid))
  }

  close(): Awaitable<void> {
    return this.#store.close()
  }

  #guard<T>(call: () => Awaitable<T>, deadlines = 1): Awaitable<T> {
    try {
      const result = call()
      return isPromise(result)
        ? inTime(result, this.#deadlineMs * deadlines).catch(unavailable)
        : result
    } catch (cause) {
      return unavailable(cause)
    }
  }
}

function inTime<T>(result: PromiseLike<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`The store did not answer within ${deadlineMs} ms`))
    const timer = setTimeout(late, deadlineMs).unref()
    const settle =
      <V>(how: (value: V) => void) =>
      (value: V) => {
        clearTimeout(timer)
        how(value)
      }
    result.then(settle(resolve), settle(reject))
  })
}

function unavailable(cause: unknown): never {
  throw new StoreUnavailableError({ cause })
}
