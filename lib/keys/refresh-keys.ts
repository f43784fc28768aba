import { randomBytes, randomUUID } from 'node:crypto'
import type { SessionStore, StoredKey } from '../stores/store.ts'
import { deriveKeys } from './secrets.ts'

/**
 * The keys that authenticate refresh tokens, and what else comes from clients.
 *
 * Derived from the app's secrets; or else random ones that live in the store, so that a restart and
 * a second process know them. Stores can be emptied while processes live: each process then learns
 * the others' keys, and puts its own back.
 */
export class RefreshKeys {
  readonly #store: SessionStore
  /** Newest first; `null` where the app has secrets. */
  #stored: readonly StoredKey[] | null
  readonly #all: Buffer[] = []
  readonly #derived: Buffer[] = []

  /** Reads the keys, or adds the first one. */
  static async open(
    store: SessionStore,
    secrets: readonly Buffer[],
    nowMs: number
  ): Promise<RefreshKeys> {
    const derived = deriveKeys(secrets, 'refresh token')
    if (derived.length > 0) return new RefreshKeys(store, derived, null)
    const stored = refreshKeysOf(await store.listKeys())
    return new RefreshKeys(store, [], stored.length > 0 ? stored : await addFirst(store, nowMs))
  }

  private constructor(
    store: SessionStore,
    keys: readonly Buffer[],
    stored: readonly StoredKey[] | null
  ) {
    this.#store = store
    this.#stored = stored
    this.#use(stored === null ? keys : stored.map(materialOf))
  }

  /** The first one issues, all of them read. At least one; the list stays up to date. */
  get all(): readonly Buffer[] {
    return this.#all
  }

  /** For the binding of sessions to devices; the list stays up to date. */
  get forDeviceBinding(): readonly Buffer[] {
    return this.#derived
  }

  /** Takes over the keys that the store has now, and puts those back that it has lost. */
  async adopt(keys: readonly StoredKey[]): Promise<void> {
    if (this.#stored === null) return
    const found = refreshKeysOf(keys)
    const lost = this.#stored.filter(({ kid }) => !found.some((key) => key.kid === kid))
    this.#stored = [...found, ...lost]
    this.#use(this.#stored.map(materialOf))
    let newest = found[0]?.kid ?? null
    // Where another process adds one at this moment the next look does it.
    for (const key of lost.toReversed()) if (await this.#store.addKey(key, newest)) newest = key.kid
  }

  #use(keys: readonly Buffer[]): void {
    this.#all.splice(0, this.#all.length, ...keys)
    this.#derived.splice(0, this.#derived.length, ...deriveKeys(keys, 'device binding'))
  }
}

function refreshKeysOf(keys: readonly StoredKey[]): StoredKey[] {
  return keys.filter(({ kind }) => kind === 'refresh')
}

function materialOf({ material }: StoredKey): Buffer {
  return Buffer.from(material, 'base64url')
}

async function addFirst(store: SessionStore, nowMs: number): Promise<StoredKey[]> {
  const key: StoredKey = {
    kid: `r-${randomUUID()}`,
    kind: 'refresh',
    algorithm: 'HS256',
    createdAt: nowMs,
    expiresAt: null,
    material: randomBytes(32).toString('base64url')
  }
  if (await store.addKey(key, null)) return [key]
  const others = refreshKeysOf(await store.listKeys())
  if (others.length === 0) throw new Error('The store took no refresh key and has none')
  return others
}
