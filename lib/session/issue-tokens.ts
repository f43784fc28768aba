import { randomInt, randomUUID } from 'node:crypto'
import type { SessionRecord } from '../stores/store.ts'
import { type AccessTokenFacts, longestTokenLength } from '../tokens/access-token.ts'
import type { RefreshToken } from '../tokens/refresh-token.ts'
import { maxAccessTokenLength } from '../transport/cookie-format.ts'
import type { SessionContext } from './context.ts'
import { bindingOf, type StoredDevice, tenantOf } from './records.ts'
import type { AccessToken, AccessTokenPayload, IssuedTokens, JsonObject } from './types.ts'

const JITTER_STEPS = 1_000_000

type Context = Pick<SessionContext, 'settings' | 'accessTokens'>

/** Both tokens of a session. */
export type TokenPair = Required<IssuedTokens> & {
  readonly refreshToken: NonNullable<IssuedTokens['refreshToken']>
}

/** Which refresh token an access token belongs to. */
interface Lineage {
  readonly hash: string
  readonly parentHash: string | null
  readonly antiCsrfToken: string | null
}

/** When a session ends that was used at `nowMs` for the last time. */
export function endOfSession(
  { refreshTokenValidityMs, absoluteLifetimeMs }: SessionContext['settings'],
  nowMs: number,
  createdAt: number
): number {
  return Math.min(nowMs + refreshTokenValidityMs, createdAt + absoluteLifetimeMs)
}

/** Both tokens, for a record whose newest refresh token is `refreshToken`. */
export async function issueTokens(
  context: Context,
  record: SessionRecord,
  refreshToken: RefreshToken,
  nowMs: number
): Promise<TokenPair> {
  const accessToken = await issueAccessToken(context, record, refreshToken, nowMs)
  const expiresAt = endOfSession(context.settings, nowMs, record.createdAt)
  return { accessToken, refreshToken: { text: refreshToken.text, expiresAt } }
}

/** An access token that came with, or belongs to, a refresh token. */
export function issueAccessToken(
  context: Context,
  record: SessionRecord,
  lineage: Lineage,
  nowMs: number
): Promise<AccessToken> {
  const { accessTokenValidityMs, accessTokenValidityJitter } = context.settings
  const cutOff = accessTokenValidityJitter * (randomInt(JITTER_STEPS) / JITTER_STEPS)
  const endMs = nowMs + accessTokenValidityMs * (1 - cutOff)
  return mint(context, record, lineage, { nowMs, endMs })
}

/** The same token with the stored claims, confirmed and with its whole life before it. */
export function renewAccessToken(
  context: Context,
  record: SessionRecord,
  payload: AccessTokenPayload,
  nowMs: number
): Promise<AccessToken> {
  const lineage = { ...lineageOf(payload), parentHash: null }
  const endMs = nowMs + context.settings.accessTokenValidityMs
  return mint(context, record, lineage, { nowMs, endMs })
}

/** The same token with the stored claims. Expiry, lineage and anti-CSRF token stay. */
export function remintAccessToken(
  context: Context,
  record: SessionRecord,
  payload: AccessTokenPayload,
  nowMs: number
): Promise<AccessToken> {
  return mint(context, record, lineageOf(payload), { nowMs, endMs: payload.exp * 1000 })
}

/**
 * Browsers drop a cookie that is too large without a word, and the client would refresh for ever.
 * Measures the longest token that the session can have, the one after a refresh.
 *
 * @throws TypeError The payload is too large, for a session whose tokens travel in cookies.
 */
export function refuseDroppedCookie(context: Context, record: SessionRecord): void {
  const { settings } = context
  const { transferMethod } = JSON.parse(record.device) as StoredDevice
  if (transferMethod !== 'cookie') return
  const { current } = record.rotation
  const antiCsrfToken = settings.antiCsrf === 'VIA_TOKEN' ? randomUUID() : null
  const facts = {
    ...factsOf(context, record, { hash: current, parentHash: current, antiCsrfToken }),
    // The session may be bound later on. A thumbprint is a SHA-256 in base64url.
    jkt: settings.deviceBinding === null ? undefined : 'x'.repeat(43)
  }
  const length = longestTokenLength(facts, settings.signingAlgorithm)
  const room = maxAccessTokenLength(settings.cookies)
  if (length <= room) return
  throw new TypeError(
    `The access token can grow to ${length} bytes, and a cookie has room for ${room}: make the access token's payload smaller, the session data has room for more`
  )
}

function factsOf({ settings }: Context, record: SessionRecord, lineage: Lineage): AccessTokenFacts {
  return {
    userId: record.userId,
    tenantId: tenantOf(record.handle),
    handle: record.handle,
    refreshTokenHash: lineage.hash,
    parentRefreshTokenHash: lineage.parentHash,
    antiCsrfToken: lineage.antiCsrfToken,
    jkt: settings.deviceBinding === null ? undefined : bindingOf(record)?.jkt,
    customClaims: JSON.parse(record.payload) as JsonObject
  }
}

/** @param times.endMs - The token ends here, or with its session if that is earlier. */
function mint(
  context: Context,
  record: SessionRecord,
  lineage: Lineage,
  { nowMs, endMs }: { nowMs: number; endMs: number }
): Promise<AccessToken> {
  const { settings, accessTokens } = context
  const latestMs = record.createdAt + settings.absoluteLifetimeMs
  const facts = factsOf(context, record, lineage)
  const expiresAt = Math.floor(Math.min(endMs, latestMs) / 1000)
  return accessTokens.mint(facts, { kind: record.keyKind, nowMs, expiresAt })
}

function lineageOf(payload: AccessTokenPayload): Lineage {
  return {
    hash: payload.refreshTokenHash1,
    parentHash: payload.parentRefreshTokenHash1,
    antiCsrfToken: payload.antiCsrfToken
  }
}
