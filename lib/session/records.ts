import { randomBytes } from 'node:crypto'
import { setImmediate as othersTurn } from 'node:timers/promises'
import type { DeviceJwk, ProofAlgorithm } from '../device-binding/device-key.ts'
import { StoreUnavailableError } from '../errors/http-exception.ts'
import type { SessionPage, SessionRecord, SessionStore } from '../stores/store.ts'
import type { Clock } from './clock.ts'
import type { JsonObject, SessionDevice, SessionInformation, TransferMethod } from './types.ts'

/** Each lost race means that another request got through, so this many is a broken store. */
const MAX_ATTEMPTS = 1000
/** Sessions of a user that are read, or deleted, before others have their turn. */
export const PAGE = 500
const PUBLIC_TENANT = 'public'

/** What came of a change: the record as it is now, and what was decided. */
export type Change<Decision> =
  | { readonly record: SessionRecord; readonly decision: Decision; readonly nowMs: number }
  | { readonly record: null; readonly decision: null; readonly nowMs: number }

type Decide<Decision> = (
  found: SessionRecord,
  nowMs: number
) => { readonly decision: Decision; readonly next: SessionRecord }

/** What binds a session, as its record keeps it. */
export type StoredBinding =
  | { readonly method: 'dpop'; readonly jkt: string }
  | {
      readonly method: 'dbsc'
      readonly jkt: string
      readonly algorithm: ProofAlgorithm
      readonly jwk: DeviceJwk
      /** When the challenge was issued that was answered last; older ones are of no use any more. */
      readonly answeredAt: number
      /** Tells the registration from another one, with the same proof as well. */
      readonly registration?: string
    }

/** `device` of a record. Stores keep it as text, so that they need not know of bindings. */
export interface StoredDevice extends SessionDevice {
  /** How the tokens travel. Left out where the app moves them itself. */
  readonly transferMethod?: TransferMethod
  readonly binding?: StoredBinding
}

/** The live sessions of a store: read, and changed by compare-and-set. Expired ones are missing. */
export class SessionRecords {
  readonly #store: SessionStore
  readonly #clock: Clock
  /** By handle, the last who waits to change that session. */
  readonly #waiting = new Map<string, Promise<unknown>>()

  constructor(store: SessionStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async find(handle: string, nowMs: number = this.#clock.now()): Promise<SessionRecord | null> {
    if (!isHandle(handle)) return null
    const record = await this.#store.get(handle)
    return record === null || record.expiresAt <= nowMs ? null : record
  }

  /**
   * Reads a live record, decides, writes `next` over what was read, and starts over where another
   * request was faster. Where `next` is the record that was found, nothing is written.
   */
  async change<Decision>(handle: string, decide: Decide<Decision>): Promise<Change<Decision>> {
    await this.#clock.sync()
    return (await this.#attempt(handle, decide)) ?? this.#changeInTurn(handle, decide)
  }

  /** Who lost a race tries again after those who lost before: else N requests cost N² attempts. */
  async #changeInTurn<Decision>(
    handle: string,
    decide: Decide<Decision>
  ): Promise<Change<Decision>> {
    const change = async () => {
      for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
        const made = await this.#attempt(handle, decide)
        if (made !== null) return made
      }
      throw new StoreUnavailableError({ cause: new Error('The store never took a change') })
    }
    // A store that fails has failed all of them: in turn, each would wait until it is given up.
    const afterFailure = (error: unknown) => {
      if (error instanceof StoreUnavailableError) throw error
      return change()
    }
    const made = this.#waiting.get(handle)?.then(change, afterFailure) ?? change()
    this.#waiting.set(handle, made)
    try {
      return await made
    } finally {
      if (this.#waiting.get(handle) === made) this.#waiting.delete(handle)
    }
  }

  /** @returns `null` where another request was faster. */
  async #attempt<Decision>(
    handle: string,
    decide: Decide<Decision>
  ): Promise<Change<Decision> | null> {
    const nowMs = this.#clock.now()
    const found = await this.find(handle, nowMs)
    if (found === null) return { record: null, decision: null, nowMs }
    const { decision, next } = decide(found, nowMs)
    if (next === found) return { record: found, decision, nowMs }
    const changed = { ...next, revision: found.revision + 1 }
    const isTaken = await this.#store.replace(changed, found.revision)
    return isTaken ? { record: changed, decision, nowMs } : null
  }

  /** @returns `false` where the session is gone. */
  async update(handle: string, change: (record: SessionRecord) => SessionRecord): Promise<boolean> {
    const decide = (found: SessionRecord) => ({ decision: 'changed', next: change(found) })
    return (await this.change(handle, decide)).record !== null
  }

  async information(handle: string): Promise<SessionInformation | null> {
    const record = await this.find(handle)
    return record === null ? null : informationOf(record)
  }

  /** A user's live sessions, in one tenant or in all, page by page, so that nobody else waits long. */
  async *pagesOf(
    userId: string,
    tenantId: string | undefined
  ): AsyncGenerator<readonly SessionRecord[]> {
    if (!isUserId(userId)) return
    const nowMs = this.#clock.now()
    let cursor: string | null = null
    do {
      const page: SessionPage = await this.#store.listByUser(userId, nowMs, cursor, PAGE)
      yield tenantId === undefined
        ? page.records
        : page.records.filter(({ handle }) => tenantOf(handle) === tenantId)
      cursor = page.next
      if (cursor !== null) await othersTurn()
    } while (cursor !== null)
  }

  /** Handles of a user's live sessions, in one tenant or in all; those that end first in front. */
  async list(userId: string, tenantId: string | undefined): Promise<string[]> {
    const ends = await this.#sorted(userId, tenantId, ({ handle, expiresAt }) => ({
      handle,
      rank: expiresAt
    }))
    return ends.map(({ handle }) => handle)
  }

  /** What is known of a user's live sessions; the one that was refreshed last in front. */
  async devices(userId: string, tenantId: string | undefined): Promise<SessionInformation[]> {
    const found = await this.#sorted(userId, tenantId, (record) => {
      const information = informationOf(record)
      return { information, handle: record.handle, rank: -information.lastRefreshedAt }
    })
    return found.map(({ information }) => information)
  }

  /** Sorts as the pages come in: to sort all of them at the end would hold up others. */
  async #sorted<T extends Ranked>(
    userId: string,
    tenantId: string | undefined,
    toRanked: (record: SessionRecord) => T
  ): Promise<T[]> {
    const met = new Set<string>()
    let sorted: T[] = []
    for await (const records of this.pagesOf(userId, tenantId)) {
      const fresh = records.filter(({ handle }) => !met.has(handle))
      for (const { handle } of fresh) met.add(handle)
      sorted = merge(
        sorted,
        fresh.map(toRanked).sort((a, b) => a.rank - b.rank)
      )
    }
    return sorted
  }
}

/** What a list is sorted by: the lowest in front. */
interface Ranked {
  readonly handle: string
  readonly rank: number
}

/** Two sorted lists as one. */
function merge<T extends Ranked>(left: readonly T[], right: readonly T[]): T[] {
  const merged: T[] = []
  let next = 0
  for (const item of left) {
    for (let other = right[next]; other !== undefined && other.rank < item.rank; ) {
      merged.push(other)
      other = right[++next]
    }
    merged.push(item)
  }
  return [...merged, ...right.slice(next)]
}

/** Twice in each token, in JSON: with the largest claims it is still one that is accepted. */
export const MAX_USER_ID_BYTES = 512

/** Whether a text can be the id of a user who has sessions. */
export function isUserId(text: string): boolean {
  return isStorable(text) && text.length <= MAX_USER_ID_BYTES
}

/**
 * Whether every store gives a text back as it was: half a surrogate pair becomes another character
 * in UTF-8 (RFC 3629 section 3), and PostgreSQL takes no NUL. Nothing else is an id of ours.
 */
export function isStorable(text: string): boolean {
  return !/[\p{Surrogate}\0]/u.test(text)
}

/**
 * A handle for a session that is created now: a UUID that begins with the time (RFC 9562 section
 * 5.7), and behind an underscore the tenant, whose id has none.
 */
export function newHandle(tenantId: string, nowMs: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(nowMs, 0, 6)
  bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f)
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f)
  const uuid = bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  return tenantId === PUBLIC_TENANT ? uuid : `${uuid}_${tenantId}`
}

const HANDLE = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?:_[A-Za-z0-9-]+)?$/
/** With the longest tenant's id. */
const MAX_HANDLE_LENGTH = 36 + 1 + 64

/** Whether a text can be a handle. */
export function isHandle(text: string): boolean {
  return text.length <= MAX_HANDLE_LENGTH && HANDLE.test(text)
}

/** When a session was created, as its handle tells it; `NaN` where it does not. */
export function createdAtOf(handle: string): number {
  if (handle[14] !== '7') return Number.NaN
  return Number.parseInt(handle.slice(0, 8) + handle.slice(9, 13), 16)
}

/** The tenant is written into the handle. */
export function tenantOf(handle: string): string {
  const separator = handle.indexOf('_')
  return separator < 0 ? PUBLIC_TENANT : handle.slice(separator + 1)
}

/** What binds a session to its device; `undefined` where nothing does. */
export function bindingOf(record: SessionRecord): StoredBinding | undefined {
  return (JSON.parse(record.device) as StoredDevice).binding
}

function informationOf(record: SessionRecord): SessionInformation {
  const { handle, userId, createdAt, expiresAt } = record
  const { successor, previous } = record.rotation
  const { binding, transferMethod: _, ...device } = JSON.parse(record.device) as StoredDevice
  return {
    handle,
    userId,
    tenantId: tenantOf(handle),
    createdAt,
    expiresAt,
    sessionData: JSON.parse(record.sessionData) as JsonObject,
    accessTokenPayload: JSON.parse(record.payload) as JsonObject,
    lastRefreshedAt: Math.max(createdAt, successor?.handedOutAt ?? 0, previous?.confirmedAt ?? 0),
    device,
    ...(binding !== undefined && { deviceBinding: binding.method })
  }
}
