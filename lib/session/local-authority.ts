import { randomInt, randomUUID } from 'node:crypto'
import { StoreUnavailableError } from '../errors/store-unavailable-error.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { isEqualSecret } from '../keys/secrets.ts'
import type { KeyKind, PublicJwk } from '../keys/types.ts'
import type { Awaitable, SessionRecord, SessionStore } from '../stores/store.ts'
import { type AccessTokens, customClaimsOf } from '../tokens/access-token.ts'
import type { RefreshToken, RefreshTokens } from '../tokens/refresh-token.ts'
import type {
  Authority,
  ConfirmResult,
  CreateInput,
  FreshTokens,
  RefreshInput,
  RefreshResult
} from './authority.ts'
import type { Clock } from './clock.ts'
import { type Child, confirmByUse, type RotationStep, rotate, startRotation } from './rotation.ts'
import type { AccessToken, AccessTokenPayload, JsonObject, SessionInformation } from './types.ts'

/** Each lost race means that another request got through, so this many is a broken store. */
const MAX_ATTEMPTS = 1000
const PUBLIC_TENANT = 'public'
const JITTER_STEPS = 1_000_000
const CONFIRMED: ConfirmResult = { status: 'OK', reissued: null }

export interface LocalAuthorityParts {
  readonly store: SessionStore
  readonly keyRing: KeyRing
  readonly accessTokens: AccessTokens
  readonly refreshTokens: RefreshTokens
  readonly clock: Clock
}

export interface LocalAuthoritySettings {
  readonly keyKind: KeyKind
  readonly accessTokenValidityMs: number
  /** Up to this share of an access token's life is cut off at random, 0 to 0.25. */
  readonly accessTokenValidityJitter: number
  readonly refreshTokenValidityMs: number
  /** `Infinity`: as long as it is used. */
  readonly absoluteLifetimeMs: number
  readonly refreshGracePeriodMs: number
}

/** Runs the operations in this process, on a store. */
export class LocalAuthority implements Authority {
  readonly #store: SessionStore
  readonly #keyRing: KeyRing
  readonly #accessTokens: AccessTokens
  readonly #refreshTokens: RefreshTokens
  readonly #clock: Clock
  readonly #settings: LocalAuthoritySettings
  /** As records keep them. Making one costs more than the rest of a check against the database. */
  readonly #claimsTexts = new WeakMap<AccessTokenPayload, string>()

  constructor(parts: LocalAuthorityParts, settings: LocalAuthoritySettings) {
    this.#store = parts.store
    this.#keyRing = parts.keyRing
    this.#accessTokens = parts.accessTokens
    this.#refreshTokens = parts.refreshTokens
    this.#clock = parts.clock
    this.#settings = settings
  }

  async create(input: CreateInput): Promise<FreshTokens> {
    await this.#clock.sync()
    const nowMs = this.#clock.now()
    const { userId, tenantId, withAntiCsrf } = input
    const uuid = randomUUID()
    const handle = tenantId === PUBLIC_TENANT ? uuid : `${uuid}_${tenantId}`
    const refreshToken = this.#refreshTokens.issueFirst(handle, { withAntiCsrf })
    const record: SessionRecord = {
      handle,
      userId,
      createdAt: nowMs,
      expiresAt: this.#endOf(nowMs, nowMs),
      sessionData: JSON.stringify(input.sessionData),
      payload: JSON.stringify(input.payload),
      device: JSON.stringify(input.device),
      keyKind: this.#settings.keyKind,
      rotation: startRotation(refreshToken.hash),
      revision: 0
    }
    // Minted first: where no key can sign, nothing is left behind in the store.
    const tokens = await this.#issueTokens(record, refreshToken, nowMs)
    await this.#store.insert(record)
    return tokens
  }

  confirm(token: AccessToken): Awaitable<ConfirmResult> {
    const { payload } = token
    if (payload.parentRefreshTokenHash1 !== null) return this.#confirmByUse(token)
    const record = this.#store.get(payload.sessionHandle)
    // A store that answers at once keeps the whole verification free of promises.
    return record !== null && 'then' in record
      ? record.then((found) => this.#compare(token, found))
      : this.#compare(token, record)
  }

  async refresh(input: RefreshInput): Promise<RefreshResult> {
    const presented = this.#refreshTokens.read(input.refreshToken)
    if (presented === null) return unauthorised('the refresh token is not one of ours')
    // A token that was issued without an anti-CSRF token passes once; its child carries one.
    if (
      input.withAntiCsrf &&
      presented.antiCsrfToken !== null &&
      !isEqualSecret(presented.antiCsrfToken, input.antiCsrfToken)
    )
      return unauthorised('the anti-CSRF token does not fit the refresh token')
    return this.#exchange(presented, input.withAntiCsrf)
  }

  async updatePayload(
    handle: string,
    change: (payload: JsonObject) => JsonObject
  ): Promise<boolean> {
    return this.#update(handle, (record) => ({
      ...record,
      payload: JSON.stringify(change(JSON.parse(record.payload)))
    }))
  }

  async updateData(handle: string, data: JsonObject): Promise<boolean> {
    return this.#update(handle, (record) => ({ ...record, sessionData: JSON.stringify(data) }))
  }

  async regenerate({ payload }: AccessToken): Promise<AccessToken | null> {
    const nowMs = this.#clock.now()
    const record = await this.#find(payload.sessionHandle, nowMs)
    if (record === null || payload.exp * 1000 <= nowMs) return null
    return this.#mint(record, lineageOf(payload), { nowMs, expiresAt: payload.exp })
  }

  async info(handle: string): Promise<SessionInformation | null> {
    const record = await this.#find(handle, this.#clock.now())
    if (record === null) return null
    const { userId, createdAt, expiresAt, sessionData, payload, device } = record
    return {
      handle,
      userId,
      tenantId: tenantOf(handle),
      createdAt,
      expiresAt,
      sessionData: JSON.parse(sessionData),
      accessTokenPayload: JSON.parse(payload),
      lastRefreshedAt: lastRefreshOf(record),
      device: JSON.parse(device)
    }
  }

  async revoke(handles: readonly string[]): Promise<string[]> {
    return this.#store.delete(handles)
  }

  async list(userId: string, tenantId: string | undefined): Promise<string[]> {
    const handles = await this.#store.listByUser(userId, this.#clock.now())
    return tenantId === undefined
      ? handles
      : handles.filter((handle) => tenantOf(handle) === tenantId)
  }

  async createJWT(payload: JsonObject, kind: KeyKind): Promise<string> {
    const key = await this.#keyRing.signingKey(kind, this.#clock.now())
    return key.signJwt(payload)
  }

  async keys(): Promise<{ keys: readonly PublicJwk[]; maxAgeSeconds: number }> {
    const nowMs = this.#clock.now()
    // Adds the next key when it is due, so that it is published before it signs.
    await this.#keyRing.signingKey('dynamic', nowMs)
    return this.#keyRing.jwks(nowMs)
  }

  /** A confirmed token against its record: gone, or with claims that changed since. */
  #compare(token: AccessToken, record: SessionRecord | null): Awaitable<ConfirmResult> {
    const nowMs = this.#clock.now()
    if (record === null || record.expiresAt <= nowMs) return { status: 'UNAUTHORISED' }
    const isUnchanged = this.#claimsTextOf(token.payload) === record.payload
    return isUnchanged ? CONFIRMED : this.#reissue(token, record, nowMs)
  }

  #claimsTextOf(payload: AccessTokenPayload): string {
    let text = this.#claimsTexts.get(payload)
    if (text === undefined) {
      text = JSON.stringify(customClaimsOf(payload))
      this.#claimsTexts.set(payload, text)
    }
    return text
  }

  /** The first uses of a token that came with a refresh: they show that it reached the client. */
  async #confirmByUse(token: AccessToken): Promise<ConfirmResult> {
    const { sessionHandle, refreshTokenHash1, parentRefreshTokenHash1 } = token.payload
    const used = { hash: refreshTokenHash1, parentHash: parentRefreshTokenHash1 }
    const { record, decision, nowMs } = await this.#transact(sessionHandle, (found, now) => {
      const step = confirmByUse(found.rotation, used, now)
      if (step.outcome !== 'confirmed') return { decision: step.outcome, next: found }
      return { decision: step.outcome, next: this.#slide({ ...found, rotation: step.next }, now) }
    })
    if (record === null) return { status: 'UNAUTHORISED' }
    if (decision === 'stale') return { status: 'TRY_REFRESH_TOKEN' }
    return this.#reissue(token, record, nowMs)
  }

  async #exchange(presented: RefreshToken, withAntiCsrf: boolean): Promise<RefreshResult> {
    const issueChild = (child: Child) =>
      this.#refreshTokens.issueChild(presented, { ...child, withAntiCsrf })
    const freshNonce = this.#refreshTokens.newNonce()
    const { record, decision, nowMs } = await this.#transact(presented.handle, (found, now) => {
      const step = rotate(found.rotation, presented, {
        nowMs: now,
        graceMs: this.#settings.refreshGracePeriodMs,
        freshNonce,
        childHash: (nonce) => issueChild({ nonce, parentHash: presented.hash }).hash
      })
      return { decision: step, next: this.#afterRefresh(found, step, now) }
    })
    if (record === null) return unauthorised('the session is gone or expired')
    if (decision.outcome === 'theft') {
      await this.#store.delete([record.handle])
      return { status: 'TOKEN_THEFT_DETECTED', handle: record.handle, userId: record.userId }
    }
    const tokens =
      decision.outcome === 'kept'
        ? { accessToken: await this.#issueAccessToken(record, presented, nowMs) }
        : await this.#issueTokens(record, issueChild(decision.child), nowMs)
    return { status: 'OK', tokens }
  }

  #afterRefresh(found: SessionRecord, step: RotationStep, nowMs: number): SessionRecord {
    if (step.outcome === 'theft') return found
    const { keyKind } = this.#settings
    if (step.next === null && found.keyKind === keyKind) return found
    const next = { ...found, keyKind, rotation: step.next ?? found.rotation }
    return step.confirmed ? this.#slide(next, nowMs) : next
  }

  #slide(record: SessionRecord, nowMs: number): SessionRecord {
    return { ...record, expiresAt: this.#endOf(nowMs, record.createdAt) }
  }

  /** When a session ends that was used now, and not again. */
  #endOf(nowMs: number, createdAt: number): number {
    const { refreshTokenValidityMs, absoluteLifetimeMs } = this.#settings
    return Math.min(nowMs + refreshTokenValidityMs, createdAt + absoluteLifetimeMs)
  }

  /** Both tokens, for a record whose newest refresh token is `refreshToken`. */
  async #issueTokens(
    record: SessionRecord,
    refreshToken: RefreshToken,
    nowMs: number
  ): Promise<FreshTokens> {
    const accessToken = await this.#issueAccessToken(record, refreshToken, nowMs)
    const expiresAt = this.#endOf(nowMs, record.createdAt)
    return { accessToken, refreshToken: { text: refreshToken.text, expiresAt } }
  }

  #issueAccessToken(record: SessionRecord, lineage: Lineage, nowMs: number): Promise<AccessToken> {
    const { accessTokenValidityMs, accessTokenValidityJitter } = this.#settings
    const cutOff = accessTokenValidityJitter * (randomInt(JITTER_STEPS) / JITTER_STEPS)
    const endMs = nowMs + accessTokenValidityMs * (1 - cutOff)
    return this.#mint(record, lineage, { nowMs, expiresAt: this.#expiryOf(record, endMs) })
  }

  /** The same token with the stored claims, confirmed and with its whole life before it. */
  async #reissue(
    { payload }: AccessToken,
    record: SessionRecord,
    nowMs: number
  ): Promise<ConfirmResult> {
    const lineage = { ...lineageOf(payload), parentHash: null }
    const expiresAt = this.#expiryOf(record, nowMs + this.#settings.accessTokenValidityMs)
    return { status: 'OK', reissued: await this.#mint(record, lineage, { nowMs, expiresAt }) }
  }

  /** `exp` of a token that may live until `endMs`, where the session may. */
  #expiryOf({ createdAt }: SessionRecord, endMs: number): number {
    return Math.floor(Math.min(endMs, createdAt + this.#settings.absoluteLifetimeMs) / 1000)
  }

  #mint(
    record: SessionRecord,
    lineage: Lineage,
    { nowMs, expiresAt }: { nowMs: number; expiresAt: number }
  ): Promise<AccessToken> {
    const facts = {
      userId: record.userId,
      tenantId: tenantOf(record.handle),
      handle: record.handle,
      refreshTokenHash: lineage.hash,
      parentRefreshTokenHash: lineage.parentHash,
      antiCsrfToken: lineage.antiCsrfToken,
      customClaims: JSON.parse(record.payload) as JsonObject
    }
    return this.#accessTokens.mint(facts, { kind: record.keyKind, nowMs, expiresAt })
  }

  async #find(handle: string, nowMs: number): Promise<SessionRecord | null> {
    const record = await this.#store.get(handle)
    return record === null || record.expiresAt <= nowMs ? null : record
  }

  async #update(
    handle: string,
    change: (record: SessionRecord) => SessionRecord
  ): Promise<boolean> {
    const decide = (found: SessionRecord) => ({ decision: 'changed', next: change(found) })
    return (await this.#transact(handle, decide)).record !== null
  }

  /**
   * Reads a live record, decides, writes `next` over what was read, and starts over where another
   * request was faster. `next` being the record that was found writes nothing.
   */
  async #transact<Decision>(
    handle: string,
    decide: (found: SessionRecord, nowMs: number) => { decision: Decision; next: SessionRecord }
  ): Promise<Transaction<Decision>> {
    await this.#clock.sync()
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const nowMs = this.#clock.now()
      const found = await this.#find(handle, nowMs)
      if (found === null) return { record: null, decision: null, nowMs }
      const { decision, next } = decide(found, nowMs)
      if (next === found) return { record: found, decision, nowMs }
      const changed = { ...next, revision: found.revision + 1 }
      if (await this.#store.replace(changed, found.revision))
        return { record: changed, decision, nowMs }
    }
    throw new StoreUnavailableError({ cause: new Error('The store never took a change') })
  }
}

type Transaction<Decision> =
  | { readonly record: SessionRecord; readonly decision: Decision; readonly nowMs: number }
  | { readonly record: null; readonly decision: null; readonly nowMs: number }

/** Which refresh token an access token belongs to. */
interface Lineage {
  readonly hash: string
  readonly parentHash: string | null
  readonly antiCsrfToken: string | null
}

function lineageOf(payload: AccessTokenPayload): Lineage {
  return {
    hash: payload.refreshTokenHash1,
    parentHash: payload.parentRefreshTokenHash1,
    antiCsrfToken: payload.antiCsrfToken
  }
}

/** The tenant is written into the handle; a tenant's id has no underscore. */
function tenantOf(handle: string): string {
  const separator = handle.indexOf('_')
  return separator < 0 ? PUBLIC_TENANT : handle.slice(separator + 1)
}

function lastRefreshOf({ createdAt, rotation: { successor, previous } }: SessionRecord): number {
  return Math.max(createdAt, successor?.handedOutAt ?? 0, previous?.confirmedAt ?? 0)
}

function unauthorised(reason: string): RefreshResult {
  return { status: 'UNAUTHORISED', reason }
}
