import { randomBytes, randomUUID } from 'node:crypto'
import type { SessionStore, StoredKey } from '../stores/store.ts'
import { deriveKeys } from './secrets.ts'

/** Keys that authenticate refresh tokens: the first one issues, all of them read. */
export type RefreshKeys = readonly [Buffer, ...Buffer[]]

/**
 * The keys of refresh tokens: derived from the app's secrets, or else one random key that lives in
 * the store, so that a restart and a second process know it.
 */
export async function loadRefreshKeys(
  store: SessionStore,
  secrets: readonly Buffer[],
  nowMs: number
): Promise<RefreshKeys> {
  const [newest, ...older] = deriveKeys(secrets, 'refresh token')
  if (newest !== undefined) return [newest, ...older]
  const stored = (await findStored(store)) ?? (await addStored(store, nowMs))
  return [Buffer.from(stored.material, 'base64url')]
}

async function findStored(store: SessionStore): Promise<StoredKey | undefined> {
  return (await store.listKeys()).find((key) => key.kind === 'refresh')
}

async function addStored(store: SessionStore, nowMs: number): Promise<StoredKey> {
  const key: StoredKey = {
    kid: `r-${randomUUID()}`,
    kind: 'refresh',
    algorithm: 'HS256',
    createdAt: nowMs,
    expiresAt: null,
    material: randomBytes(32).toString('base64url')
  }
  if (await store.addKey(key, null)) return key
  const other = await findStored(store)
  if (other === undefined) throw new Error('The store took no refresh key and has none')
  return other
}
