import { type Awaitable, isPromise } from '../awaitable.ts'
import { StoreUnavailableError } from '../errors/http-exception.ts'
import type {
  Revocation,
  RevocationPage,
  SessionPage,
  SessionRecord,
  SessionStore,
  StoredKey
} from './store.ts'

/** Longer than a store takes that works; by then a client rather tries again. */
const DEADLINE_MS = 10_000

/** How many registrations use a store: it is closed with the last of them. */
const users = new WeakMap<SessionStore, number>()

/**
 * A store whose failures, silence included, are 503s: they say nothing about the session, so nobody
 * is logged out.
 */
export class GuardedStore implements SessionStore {
  // There where the store has them.
  readonly now?: () => Awaitable<number>
  readonly addRevocations?: (revocations: readonly Revocation[]) => Awaitable<void>
  readonly revokedSince?: (cursor: string | null, limit: number) => Awaitable<RevocationPage>
  readonly useOnce?: (id: string, until: number) => Awaitable<boolean>
  readonly #store: SessionStore
  readonly #deadlineMs: number

  /** @param deadlineMs - How long the store has for an answer. */
  constructor(store: SessionStore, deadlineMs: number = DEADLINE_MS) {
    this.#store = store
    this.#deadlineMs = deadlineMs
    users.set(store, (users.get(store) ?? 0) + 1)
    const now = store.now?.bind(store)
    if (now !== undefined) this.now = () => this.#guard(now)
    const add = store.addRevocations?.bind(store)
    if (add !== undefined) this.addRevocations = (list) => this.#guard(() => add(list))
    const since = store.revokedSince?.bind(store)
    if (since !== undefined)
      this.revokedSince = (cursor, limit) => this.#guard(() => since(cursor, limit))
    const use = store.useOnce?.bind(store)
    if (use !== undefined) this.useOnce = (id, until) => this.#guard(() => use(id, until))
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

  delete(handles: readonly string[]): Awaitable<string[]> {
    return this.#guard(() => this.#store.delete(handles))
  }

  listByUser(
    userId: string,
    nowMs: number,
    cursor: string | null,
    limit: number
  ): Awaitable<SessionPage> {
    return this.#guard(() => this.#store.listByUser(userId, nowMs, cursor, limit))
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

  deleteKeys(kids: readonly string[]): Awaitable<void> {
    return this.#guard(() => this.#store.deleteKeys(kids))
  }

  close(): Awaitable<void> {
    const left = Number(users.get(this.#store)) - 1
    users.set(this.#store, left)
    return left === 0 ? this.#store.close() : undefined
  }

  #guard<T>(call: () => Awaitable<T>): Awaitable<T> {
    try {
      const result = call()
      return isPromise(result) ? inTime(result, this.#deadlineMs).catch(unavailable) : result
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
