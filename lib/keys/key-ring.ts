import { randomUUID } from 'node:crypto'
import { StoreUnavailableError } from '../errors/http-exception.ts'
import type { SessionStore, StoredKey } from '../stores/store.ts'
import {
  generatePrivateKey,
  type KeyKind,
  type PublicJwk,
  type SigningAlgorithm
} from './algorithms.ts'
import { SigningKey, type SigningKeyParts } from './jwt-keys.ts'
import { open, seal } from './secrets.ts'

/** A dynamic key is published this long before it signs, so that whoever caches the JWKS has it. */
const OVERLAP_MS = 60_000
/** An unknown `kid` sends us to the store at most this often: anybody can invent one. */
const RELOAD_INTERVAL_MS = 500
/** What other processes added or took away is known after this at the latest. */
const REREAD_INTERVAL_MS = 60_000
/** Each lost race means that another process added a key. */
const MAX_ATTEMPTS = 10

export interface KeyRingSettings {
  readonly algorithm: SigningAlgorithm
  /** How long a dynamic key signs. */
  readonly updateIntervalMs: number
  /** How long an access token lives: keys verify for as long as a token of theirs may be out. */
  readonly accessTokenValidityMs: number
  /** Keys that encrypt key material in the store, newest first; none: stored in clear. */
  readonly sealingKeys: readonly Buffer[]
  /** Told what the store has, each time that it is read again. */
  readonly onReload?: (keys: readonly StoredKey[]) => Promise<void>
  /** Told once of each key that cannot be read: sealed with a secret that is not listed here. */
  readonly onUnreadable?: (kid: string) => void
}

/**
 * The keys of access tokens: one signs, many verify.
 *
 * Processes that share a store agree by its compare-and-set: the one that is first adds the next
 * key, and the others find it there. A key is in the JWKS before its first signature.
 */
export class KeyRing {
  readonly #store: SessionStore
  readonly #settings: KeyRingSettings
  readonly #overlapMs: number
  /** Newest first, as the store answers them. */
  #keys: readonly SigningKey[] = []
  #byKid: ReadonlyMap<string, SigningKey> = new Map()
  /** By the header segment of their access tokens. */
  #byHeader: ReadonlyMap<string, SigningKey> = new Map()
  /** Keys of the store that this process cannot read. */
  readonly #unreadable = new Set<string>()
  #reloadedAt = Number.NEGATIVE_INFINITY
  #askedAt = Number.NEGATIVE_INFINITY
  #reloading: Promise<void> | null = null
  #pending: Map<KeyKind, Promise<void>> = new Map()

  constructor(store: SessionStore, settings: KeyRingSettings) {
    this.#store = store
    this.#settings = settings
    // An interval shorter than the overlap would make every key due from its first moment.
    this.#overlapMs = Math.min(OVERLAP_MS, settings.updateIntervalMs / 2)
  }

  /** Reads the keys from the store, and adds the one that is needed first where it is missing. */
  async prepare(kind: KeyKind, nowMs: number): Promise<void> {
    await this.#reloadOnce(nowMs)
    await this.signingKey(kind, nowMs)
  }

  /** The key whose access tokens begin with this header segment, as far as this process knows. */
  findByHeader(header: string, nowMs: number): SigningKey | undefined {
    // In the background: what is known verifies meanwhile.
    if (this.#isStale(nowMs)) this.#reloadOnce(nowMs).catch(() => {})
    return usableAt(nowMs, this.#byHeader.get(header))
  }

  /** The key with this `kid`, as far as this process knows. */
  find(kid: string, nowMs: number): SigningKey | undefined {
    return usableAt(nowMs, this.#byKid.get(kid))
  }

  /** Reads the store again for a `kid` that another process may have added. */
  async findAgain(kid: string, nowMs: number): Promise<SigningKey | undefined> {
    await this.reread(nowMs)
    return this.find(kid, nowMs)
  }

  /** Has a key verify and sign nothing from now on, before the store was read again. */
  drop(kid: string): void {
    const key = this.#byKid.get(kid)
    if (key === undefined) return
    key.usableUntil = Number.NEGATIVE_INFINITY
    this.#reloadedAt = Number.NEGATIVE_INFINITY
  }

  /** Reads the store again, for a key that is not known here, unless that was just done. */
  async reread(nowMs: number): Promise<void> {
    const isRecent = Math.abs(nowMs - this.#reloadedAt) < RELOAD_INTERVAL_MS
    // Whoever comes while the store is asked waits for its answer as well.
    if (!isRecent || this.#reloading !== null) await this.#reloadOnce(nowMs)
  }

  /** The key that signs now. Adds the next one when it is due. */
  async signingKey(kind: KeyKind, nowMs: number): Promise<SigningKey> {
    // A key that a failover of the database lost would sign what no other process can verify.
    // Where the store does not answer, what is known goes on signing.
    if (this.#isStale(nowMs)) await this.#reloadOnce(nowMs).catch(() => {})
    const signing = this.#choose(kind, nowMs)
    if (this.#isDue(kind, nowMs)) {
      const added = this.#addOnce(kind, nowMs)
      // While a key can still sign nobody waits for the next; its failure shows when none can.
      if (signing !== undefined) added.catch(() => {})
      else await added
    }
    const chosen = signing ?? this.#choose(kind, nowMs)
    if (chosen === undefined) throw unavailable(kind)
    return chosen
  }

  /**
   * Adds a key before its time. It signs as soon as whoever caches the JWKS has it, or where the
   * former ones are dropped at once.
   *
   * @returns The `kid`s of the former keys, of both kinds, those that cannot be read here included.
   */
  async rotate(kind: KeyKind, nowMs: number): Promise<string[]> {
    const added = await this.#add(kind, nowMs, () => true)
    const signing = (await this.#store.listKeys()).filter((key) => key.kind !== 'refresh')
    return signing.map(({ kid }) => kid).filter((kid) => kid !== added)
  }

  /** Deletes keys from the store. */
  async delete(kids: readonly string[]): Promise<void> {
    await this.#store.deleteKeys(kids)
    await this.#reload()
  }

  /** The public keys, newest first, and for how long they may be cached (RFC 9111 max-age). */
  jwks(nowMs: number): { keys: PublicJwk[]; maxAgeSeconds: number } {
    const usable = this.#keys.filter((key) => key.usableUntil >= nowMs)
    const dynamic = usable.filter((key) => key.kind === 'dynamic')
    const { updateIntervalMs } = this.#settings
    const nextKeyAt = (dynamic[0]?.createdAt ?? nowMs) + updateIntervalMs - this.#overlapMs
    return {
      keys: [...dynamic, ...usable.filter((key) => key.kind === 'static')].map((key) => key.jwk),
      maxAgeSeconds: Math.max(1, Math.floor((nextKeyAt - nowMs) / 1000))
    }
  }

  /** Newest first. An algorithm that is no longer configured verifies but does not sign. */
  #candidates(kind: KeyKind): readonly SigningKey[] {
    const { algorithm } = this.#settings
    return this.#keys.filter(
      (key) =>
        key.kind === kind &&
        key.algorithm === algorithm &&
        // Dropped, and not yet gone from the store.
        key.usableUntil !== Number.NEGATIVE_INFINITY
    )
  }

  #choose(kind: KeyKind, nowMs: number): SigningKey | undefined {
    const [newest, second] = this.#candidates(kind)
    if (newest === undefined || kind === 'static') return newest
    const { updateIntervalMs } = this.#settings
    const isFresh = nowMs < newest.createdAt + this.#overlapMs
    if (isFresh && second !== undefined && nowMs < second.createdAt + updateIntervalMs)
      return second
    return nowMs < newest.createdAt + updateIntervalMs ? newest : undefined
  }

  #isDue(kind: KeyKind, nowMs: number): boolean {
    const [newest] = this.#candidates(kind)
    if (newest === undefined) return true
    if (kind === 'static') return false
    return nowMs + this.#overlapMs > newest.createdAt + this.#settings.updateIntervalMs
  }

  /** A token may be signed until the interval ends and lives its validity; twice that is ample. */
  #lastUse(createdAt: number): number {
    const { updateIntervalMs, accessTokenValidityMs } = this.#settings
    return createdAt + updateIntervalMs + 2 * accessTokenValidityMs
  }

  #addOnce(kind: KeyKind, nowMs: number): Promise<void> {
    const pending = this.#pending.get(kind)
    if (pending !== undefined) return pending
    const added = this.#add(kind, nowMs, () => this.#isDue(kind, nowMs))
      .then(() => {})
      .finally(() => this.#pending.delete(kind))
    this.#pending.set(kind, added)
    return added
  }

  /**
   * @param isWanted - Asked when the store was read: another process may have been faster, with a key
   *   of another algorithm, too.
   * @returns The `kid` of the key that was added; `undefined` where none is wanted any more.
   */
  async #add(kind: KeyKind, nowMs: number, isWanted: () => boolean): Promise<string | undefined> {
    let pem: string | undefined
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const stored = await this.#store.listKeys()
      this.#adopt(stored)
      if (!isWanted()) return undefined
      pem ??= await generatePrivateKey(this.#settings.algorithm)
      const kids = new Set(stored.map(({ kid }) => kid))
      let number = nowMs
      while (kids.has(`d-${number}`)) number++
      const kid = kind === 'static' ? `s-${randomUUID()}` : `d-${number}`
      const newest = stored.find((key) => key.kind === kind)
      if (await this.#store.addKey(this.#storedKey(kid, kind, pem, nowMs), newest?.kid ?? null)) {
        await this.#reload()
        return kid
      }
    }
    throw unavailable(kind)
  }

  #storedKey(kid: string, kind: KeyKind, pem: string, nowMs: number): StoredKey {
    const { algorithm, sealingKeys } = this.#settings
    return {
      kid,
      kind,
      algorithm,
      createdAt: nowMs,
      expiresAt: kind === 'static' ? null : this.#lastUse(nowMs),
      material: seal(pem, sealingKeys, kid)
    }
  }

  #isStale(nowMs: number): boolean {
    return Math.abs(nowMs - this.#askedAt) >= REREAD_INTERVAL_MS
  }

  /** That it failed is no answer: the next one asks again. */
  #reloadOnce(nowMs: number): Promise<void> {
    this.#askedAt = nowMs
    this.#reloading ??= this.#reload()
      .then(() => {
        this.#reloadedAt = nowMs
      })
      .finally(() => {
        this.#reloading = null
      })
    return this.#reloading
  }

  async #reload(): Promise<void> {
    const stored = await this.#store.listKeys()
    this.#adopt(stored)
    await this.#settings.onReload?.(stored)
  }

  #adopt(stored: readonly StoredKey[]): void {
    const byKid = new Map<string, SigningKey>()
    for (const { kid, kind, algorithm, createdAt, expiresAt, material } of stored) {
      if (kind === 'refresh' || algorithm === 'HS256') continue
      const pem = open(material, this.#settings.sealingKeys, kid)
      const known = this.#byKid.get(kid)
      const key = known ?? readKey({ kid, kind, algorithm, createdAt, expiresAt, pem })
      if (key !== null) byKid.set(kid, key)
      else if (!this.#unreadable.has(kid)) {
        this.#unreadable.add(kid)
        this.#settings.onUnreadable?.(kid)
      }
    }
    // What was verified with a key that is gone names that key still.
    for (const key of this.#keys)
      if (!byKid.has(key.kid)) key.usableUntil = Number.NEGATIVE_INFINITY
    this.#byKid = byKid
    this.#byHeader = new Map([...byKid.values()].map((key) => [key.header, key]))
    this.#keys = [...byKid.values()]
  }
}

function usableAt(nowMs: number, key: SigningKey | undefined): SigningKey | undefined {
  return key !== undefined && key.usableUntil >= nowMs ? key : undefined
}

/** A key of the store; `null` for one that cannot be read here, whose tokens are refreshed. */
function readKey({
  pem,
  ...parts
}: Omit<SigningKeyParts, 'pem'> & { pem: string | null }): SigningKey | null {
  if (pem === null) return null
  try {
    return new SigningKey({ ...parts, pem })
  } catch {
    // Sealed, where no secret is given.
    return null
  }
}

function unavailable(kind: KeyKind): StoreUnavailableError {
  return new StoreUnavailableError({ cause: new Error(`The store took no ${kind} signing key`) })
}
