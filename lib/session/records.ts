import type { DeviceJwk, ProofAlgorithm } from '../device-binding/device-key.ts'
import { StoreUnavailableError } from '../errors/http-exception.ts'
import type { SessionRecord, SessionStore } from '../stores/store.ts'
import type { Clock } from './clock.ts'
import type { JsonObject, SessionDevice, SessionInformation, TransferMethod } from './types.ts'

/** Each lost race means that another request got through, so this many is a broken store. */
const MAX_ATTEMPTS = 1000
const PUBLIC_TENANT = 'public'

/** What came of a change: the record as it is now, and what was decided. */
export type Change<Decision> =
  | { readonly record: SessionRecord; readonly decision: Decision; readonly nowMs: number }
  | { readonly record: null; readonly decision: null; readonly nowMs: number }

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

  constructor(store: SessionStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async find(handle: string, nowMs: number = this.#clock.now()): Promise<SessionRecord | null> {
    if (!isStorable(handle)) return null
    const record = await this.#store.get(handle)
    return record === null || record.expiresAt <= nowMs ? null : record
  }

  /**
   * Reads a live record, decides, writes `next` over what was read, and starts over where another
   * request was faster. Where `next` is the record that was found, nothing is written.
   */
  async change<Decision>(
    handle: string,
    decide: (found: SessionRecord, nowMs: number) => { decision: Decision; next: SessionRecord }
  ): Promise<Change<Decision>> {
    await this.#clock.sync()
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const nowMs = this.#clock.now()
      const found = await this.find(handle, nowMs)
      if (found === null) return { record: null, decision: null, nowMs }
      const { decision, next } = decide(found, nowMs)
      if (next === found) return { record: found, decision, nowMs }
      const changed = { ...next, revision: found.revision + 1 }
      if (await this.#store.replace(changed, found.revision))
        return { record: changed, decision, nowMs }
    }
    throw new StoreUnavailableError({ cause: new Error('The store never took a change') })
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

  /** Handles of a user's live sessions, in one tenant or in all; those that end first in front. */
  async list(userId: string, tenantId: string | undefined): Promise<string[]> {
    if (!isStorable(userId)) return []
    const handles = await this.#store.listByUser(userId, this.#clock.now())
    return tenantId === undefined
      ? handles
      : handles.filter((handle) => tenantOf(handle) === tenantId)
  }
}

/**
 * Whether every store gives a text back as it was: half a surrogate pair becomes another character
 * in UTF-8 (RFC 3629 section 3), and PostgreSQL takes no NUL. Nothing else is an id of ours.
 */
export function isStorable(text: string): boolean {
  return !/[\p{Surrogate}\0]/u.test(text)
}

/** A handle for a new session. A tenant's id has no underscore. */
export function handleIn(tenantId: string, uuid: string): string {
  return tenantId === PUBLIC_TENANT ? uuid : `${uuid}_${tenantId}`
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
