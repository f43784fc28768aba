import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import Fastify from 'fastify'
import supersession, {
  type JsonObject,
  memoryStore,
  type PublicJwk,
  type SessionRecord,
  type SessionStore,
  type StoredKey
} from '../lib/index.ts'
import { benchClaims } from './claims.ts'

/** The one of all servers: it encrypts the keys that they share. */
export const SECRET = 'a secret of benchmarks, for nobody else'

export interface MintedSession {
  readonly userId: string
  readonly accessToken: string
  readonly antiCsrfToken: string
  readonly frontToken: string
  /** When the access token expires, seconds since the epoch. */
  readonly expiresAt: number
  readonly record: SessionRecord
}

/** Sessions, and the keys by which any server takes them for its own. */
export interface Minted {
  readonly sessions: readonly MintedSession[]
  readonly keys: readonly StoredKey[]
  readonly jwks: readonly PublicJwk[]
  /** An access token that was good once, and when: milliseconds since the epoch. */
  readonly expired: ExpiredToken
}

export interface ExpiredToken {
  readonly text: string
  readonly goodAtMs: number
}

export interface MintOptions {
  readonly sessions: number
  readonly claims?: number
  readonly payload?: JsonObject
}

/** Logs users in. All servers are given the same sessions, so that all requests are the same. */
export async function mint({ sessions: count, claims = 1, payload = {} }: MintOptions) {
  const store = memoryStore()
  const app = await appOn(store, { claims: benchClaims(claims) })
  const sessions: MintedSession[] = []
  while (sessions.length < count) {
    const userId = randomUUID()
    const issued = await app.sessions.issue({ userId, accessTokenPayload: payload })
    const { session, accessToken, frontToken, antiCsrfToken } = issued
    const record = (await store.get(session.handle)) as SessionRecord
    sessions.push({
      userId,
      accessToken,
      frontToken,
      antiCsrfToken: antiCsrfToken as string,
      expiresAt: session.payload.exp,
      record
    })
  }
  const { keys: jwks } = await app.sessions.jwks()
  const expired = await mintExpired(store)
  const minted: Minted = { sessions, keys: await store.listKeys(), jwks, expired }
  await app.close()
  return minted
}

async function mintExpired(store: SessionStore): Promise<ExpiredToken> {
  const app = await appOn(store, { accessTokenValidity: '1s' })
  const { session, accessToken } = await app.sessions.issue({ userId: randomUUID() })
  await setTimeout(1100)
  await app.close()
  return { text: accessToken, goodAtMs: session.createdAt }
}

async function appOn(store: SessionStore, options: object) {
  const app = Fastify()
  await app.register(supersession, { store, secret: SECRET, antiCsrf: 'VIA_TOKEN', ...options })
  return app
}
