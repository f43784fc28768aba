import { randomUUID } from 'node:crypto'
import type { SessionStore, StoredKey } from '../stores/store.ts'
import {
  generatePrivateKey,
  type KeyKind,
  type PublicJwk,
  type SigningAlgorithm
} from './algorithms.ts'
import { open, seal } from './secrets.ts'
import { SigningKey } from './signing-key.ts'

/** A dynamic key is published this long before it signs, so that whoever caches the JWKS has it. */
const OVERLAP_MS = 60_000
/** An unknown `kid` sends us to the store at most this often: anybody can invent one. */
const RELOAD_INTERVAL_MS = 500

export interface KeyRingSettings {
  readonly algorithm: SigningAlgorithm
  /** How long a dynamic key signs. */
  readonly updateIntervalMs: number
  /** How long an access token lives: keys verify for as long as a token of theirs may be out. */
  readonly accessTokenValidityMs: number
  /** Keys that encrypt key material in the store, newest first; none: stored in clear. */
  readonly sealingKeys: readonly Buffer[]
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
  #reloadedAt = Number.NEGATIVE_INFINITY
  #reloading: Promise<void> | null = null
  #pending: Map<KeyKind, Promise<void>> = new Map()

  constructor(store: SessionStore, settings: KeyRingSettings) {
    this.#store = store
    this.#settings = settings
    // An interval shorter than the overlap would make every key due from its first moment.
    this.#overlapMs = Math.min(OVERLAP_MS, settings.updateIntervalMs / 2)
  }

  /** Reads the keys from the store and adds what is missing. */
  async prepare(nowMs: number): Promise<void> {
    await this.#reload()
    await Promise.all([this.signingKey('dynamic', nowMs), this.signingKey('static', nowMs)])
  }

  /** The key whose access tokens begin with this header segment, as far as this process knows. */
  findByHeader(header: string, nowMs: number): SigningKey | undefined {
    return usableAt(nowMs, this.#byHeader.get(header))
  }

  /** The key with this `kid`, as far as this process knows. */
  find(kid: string, nowMs: number): SigningKey | undefined {
    return usableAt(nowMs, this.#byKid.get(kid))
  }

  /** Reads the store again for a `kid` that another process may have added. */
  async findAgain(kid: string, nowMs: number): Promise<SigningKey | undefined> {
    const isRecent = Math.abs(nowMs - this.#reloadedAt) < RELOAD_INTERVAL_MS
    // Whoever comes while the store is asked waits for its answer as well.
    if (!isRecent || this.#reloading !== null) await this.#reloadOnce(nowMs)
    return this.find(kid, nowMs)
  }

  /** The key that signs now. Adds the next one when it is due. */
  async signingKey(kind: KeyKind, nowMs: number): Promise<SigningKey> {
    const signing = this.#choose(kind, nowMs)
    if (this.#isDue(kind, nowMs)) {
      const added = this.#addOnce(kind, nowMs)
      // While a key can still sign nobody waits for the next; its failure shows when none can.
      if (signing !== undefined) added.catch(() => {})
      else await added
    }
    const chosen = signing ?? this.#choose(kind, nowMs)
    if (chosen === undefined) throw new Error(`The store has no ${kind} signing key and took none`)
    return chosen
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
    return this.#keys.filter((key) => key.kind === kind && key.algorithm === algorithm)
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
    const added = this.#add(kind, nowMs).finally(() => this.#pending.delete(kind))
    this.#pending.set(kind, added)
    return added
  }

  async #add(kind: KeyKind, nowMs: number): Promise<void> {
    const stored = await this.#store.listKeys()
    const newest = stored.find((key) => key.kind === kind)
    this.#adopt(stored)
    // Another process may have been faster.
    if (!this.#isDue(kind, nowMs)) return
    await this.#store.addKey(await this.#generate(kind, nowMs), newest?.kid ?? null)
    await this.#reload()
  }

  async #generate(kind: KeyKind, nowMs: number): Promise<StoredKey> {
    const { algorithm, sealingKeys } = this.#settings
    const pem = await generatePrivateKey(algorithm)
    const kid = kind === 'static' ? `s-${randomUUID()}` : `d-${nowMs}`
    return {
      kid,
      kind,
      algorithm,
      createdAt: nowMs,
      expiresAt: kind === 'static' ? null : this.#lastUse(nowMs),
      material: seal(pem, sealingKeys, kid)
    }
  }

  /** That it failed is no answer: the next one asks again. */
  #reloadOnce(nowMs: number): Promise<void> {
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
    this.#adopt(await this.#store.listKeys())
  }

  #adopt(stored: readonly StoredKey[]): void {
    const byKid = new Map<string, SigningKey>()
    for (const { kid, kind, algorithm, createdAt, expiresAt, material } of stored) {
      if (kind === 'refresh' || algorithm === 'HS256') continue
      const pem = open(material, this.#settings.sealingKeys, kid)
      // Sealed with a secret that is no longer listed: its tokens are refreshed.
      if (pem === null) continue
      const known = this.#byKid.get(kid)
      byKid.set(kid, known ?? new SigningKey({ kid, kind, algorithm, createdAt, expiresAt, pem }))
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
