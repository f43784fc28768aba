import { setImmediate as othersTurn } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Revocation, RevocationPage, SessionStore } from '../stores/store.ts'
import { publish } from './events.ts'
import { createdAtOf } from './records.ts'
import type { AccessTokenPayload } from './types.ts'

/** How many entries are looked at, at most, when a new one comes in. */
const SWEEP_AT_ONCE = 8
/** Revocations that are read from the store before others have their turn. */
const PAGE = 1000

/** What identifies the session of an access token. */
export type TokenOwner = Pick<AccessTokenPayload, 'sessionHandle' | 'sub'>

/**
 * The sessions that this process knows to have ended, for as long as access tokens of theirs can be
 * around: by handle, and for all of a user by the time before which they were created.
 */
export class Revocations {
  readonly #clock: () => number
  // To the time at which an entry may go. In the order of insertion, oldest first.
  readonly #handles = new Map<string, { readonly until: number }>()
  readonly #users = new Map<string, { readonly until: number; readonly createdBefore: number }>()

  constructor(clock: () => number) {
    this.#clock = clock
  }

  add(revocations: readonly Revocation[]): void {
    const nowMs = this.#clock()
    for (const revocation of revocations) {
      sweep(this.#handles, nowMs)
      sweep(this.#users, nowMs)
      if ('handle' in revocation) this.#addHandle(revocation)
      else if ('userId' in revocation) this.#addUser(revocation)
    }
  }

  /** On the path of each verified request: two look-ups at most, mostly in one empty map. */
  has({ sessionHandle, sub }: TokenOwner): boolean {
    if (this.#handles.has(sessionHandle)) return true
    if (this.#users.size === 0) return false
    const all = this.#users.get(sub)
    return all !== undefined && createdAtOf(sessionHandle) < all.createdBefore
  }

  /** The time before which all sessions of a user were revoked; 0 where they were not. */
  createdBeforeOf(userId: string): number {
    return this.#users.get(userId)?.createdBefore ?? 0
  }

  /** Whether a session was revoked by its handle. */
  hasHandle(handle: string): boolean {
    return this.#handles.has(handle)
  }

  /** To the end, also where it is there: those that end first stand in front. */
  #addHandle(revocation: Revocation & { readonly handle: string }): void {
    this.#handles.delete(revocation.handle)
    this.#handles.set(revocation.handle, revocation)
  }

  #addUser(revocation: Revocation & { readonly userId: string; readonly createdBefore: number }) {
    const { userId, createdBefore, until } = revocation
    const known = this.#users.get(userId)
    // They may come in another order than they were made in.
    if (known !== undefined && known.createdBefore >= createdBefore) return
    this.#users.delete(userId)
    this.#users.set(userId, { createdBefore, until })
  }
}

/** All entries live about equally long, so that the oldest ones go first. */
function sweep(entries: Map<string, { readonly until: number }>, nowMs: number): void {
  let count = 0
  for (const [key, { until }] of entries) {
    if (until > nowMs || ++count > SWEEP_AT_ONCE) return
    entries.delete(key)
  }
}

export interface RevocationWatchSettings {
  /** The time, milliseconds since the epoch. */
  readonly now: () => number
  readonly intervalMs: number
  readonly log: Pick<FastifyBaseLogger, 'warn' | 'info'>
  /** Is told of revocations that any process added to the store. */
  readonly onRevoked: (revocations: readonly Revocation[]) => void
}

/** Learns what other processes revoke, by asking the store again and again. */
export class RevocationWatch {
  readonly #store: Pick<SessionStore, 'revokedSince'>
  readonly #settings: RevocationWatchSettings
  #cursor: string | null = null
  #readAt: number
  #hasFailed = false
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(store: Pick<SessionStore, 'revokedSince'>, settings: RevocationWatchSettings) {
    this.#store = store
    this.#settings = settings
    this.#readAt = settings.now()
  }

  /** Reads what is kept, so that no request is served before, and goes on until it is stopped. */
  async start(): Promise<void> {
    await this.#read()
    this.#schedule()
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  /** Looks at the store now. Failing is a state that passes: tokens live until they expire. */
  async poll(): Promise<void> {
    const { now, log } = this.#settings
    try {
      const count = await this.#read()
      if (this.#hasFailed) log.info('revoked sessions are read from the store again')
      this.#hasFailed = false
      publish({ kind: 'revocations-read', count, ageMs: 0, error: undefined })
    } catch (error) {
      const ageMs = now() - this.#readAt
      const text = 'the store does not tell which sessions were revoked: their access tokens expire'
      if (!this.#hasFailed) log.warn({ err: error, ageMs }, text)
      this.#hasFailed = true
      publish({ kind: 'revocations-read', count: 0, ageMs, error })
    }
  }

  /** Armed after the answer: a slow store is not asked twice at a time. */
  #schedule(): void {
    if (this.#isOver) return
    this.#timer = setTimeout(() => {
      void this.poll().then(() => this.#schedule())
    }, this.#settings.intervalMs)
    this.#timer.unref()
  }

  async #read(): Promise<number> {
    const { now, onRevoked } = this.#settings
    const startedAt = now()
    let count = 0
    for (let isLast = false; !isLast; ) {
      if (count > 0) await othersTurn()
      const page = (await this.#store.revokedSince?.(this.#cursor, PAGE)) as RevocationPage
      onRevoked(page.revocations)
      count += page.revocations.length
      this.#cursor = page.cursor
      isLast = page.isLast
    }
    this.#readAt = startedAt
    return count
  }
}
