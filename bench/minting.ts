import { randomBytes, randomUUID } from 'node:crypto'
import { memoryStore } from '../lib/index.ts'
import type { SigningAlgorithm } from '../lib/keys/algorithms.ts'
import type { SigningKey } from '../lib/keys/jwt-keys.ts'
import { KeyRing } from '../lib/keys/key-ring.ts'
import { AccessTokens } from '../lib/tokens/access-token.ts'

export interface Mint {
  readonly nowMs: number
  readonly key: SigningKey
  /** Access tokens of one key, as an app has them, with a cache of their own. */
  readonly accessTokens: (cacheBytes: number) => AccessTokens
  /** Different tokens, as in the first requests of different users. */
  readonly mintMany: (count: number) => Promise<string[]>
}

export async function openMint(algorithm: SigningAlgorithm): Promise<Mint> {
  const nowMs = Date.now()
  const keyRing = new KeyRing(memoryStore(), {
    algorithm,
    updateIntervalMs: 604_800_000,
    accessTokenValidityMs: 3_600_000,
    sealingKeys: []
  })
  await keyRing.prepare('dynamic', nowMs)
  const accessTokens = (cacheBytes: number) =>
    new AccessTokens(keyRing, { keyKind: 'dynamic', cacheBytes })
  const minting = accessTokens(0)
  return {
    nowMs,
    key: await keyRing.signingKey('dynamic', nowMs),
    accessTokens,
    async mintMany(count) {
      const texts: string[] = []
      while (texts.length < count) texts.push((await mintOne(minting, nowMs)).text)
      return texts
    }
  }
}

function mintOne(accessTokens: AccessTokens, nowMs: number) {
  const facts = {
    userId: randomUUID(),
    tenantId: 'public',
    handle: randomUUID(),
    refreshTokenHash: randomBytes(32).toString('hex'),
    parentRefreshTokenHash: null,
    antiCsrfToken: null,
    customClaims: { iss: 'https://api.example.com/auth', roles: ['admin'] }
  }
  return accessTokens.mint(facts, {
    kind: 'dynamic',
    nowMs,
    expiresAt: Math.floor(nowMs / 1000) + 3600
  })
}
