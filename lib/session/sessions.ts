import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Awaitable } from '../stores/store.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import type { Authority } from './authority.ts'
import { StoredClaims } from './claims/stored-claims.ts'
import { Creation, type CreationSettings } from './creation.ts'
import { discoveryOf } from './discovery.ts'
import { describeTokens } from './issuing.ts'
import { objectOrEmpty } from './new-session.ts'
import { mergeClaims } from './payload.ts'
import { Refreshing, type RefreshingSettings } from './refreshing.ts'
import type { SessionContext } from './session.ts'
import type {
  Claim,
  ClaimResult,
  JsonObject,
  NewSession,
  Session,
  SessionInformation,
  Sessions,
  SessionTokens,
  VerifySessionOptions
} from './types.ts'
import { Verification } from './verification.ts'

const NO_OPTIONS: VerifySessionOptions = Object.freeze({})
/** As SuperTokens: a hundred years. */
const JWT_VALIDITY_SECONDS = 3_153_600_000

export interface SessionsSettings extends CreationSettings, RefreshingSettings {}

/** `app.sessions`. Where HTTP meets sessions: an authority's results become tokens or errors. */
export class AppSessions implements Sessions {
  readonly #authority: Authority
  readonly #settings: SessionsSettings
  readonly #clock: () => number
  readonly #creation: Creation
  readonly #verification: Verification
  readonly #refreshing: Refreshing
  readonly #claims: StoredClaims

  constructor(context: SessionContext, accessTokens: AccessTokens, settings: SessionsSettings) {
    this.#authority = context.authority
    this.#settings = settings
    this.#clock = context.clock
    this.#creation = new Creation(context, settings)
    this.#verification = new Verification(context, accessTokens)
    this.#refreshing = new Refreshing(context, settings)
    this.#claims = new StoredClaims(context)
  }

  create(request: FastifyRequest, reply: FastifyReply, input: NewSession): Promise<Session> {
    return this.#creation.forRequest(request, reply, input)
  }

  issue(input: NewSession & { readonly disableAntiCsrf?: boolean }): Promise<SessionTokens> {
    return this.#creation.alone(input)
  }

  get(
    request: FastifyRequest,
    reply: FastifyReply,
    options: VerifySessionOptions & { readonly sessionRequired: false }
  ): Awaitable<Session | null>
  get(
    request: FastifyRequest,
    reply: FastifyReply,
    options?: VerifySessionOptions
  ): Awaitable<Session>
  get(
    request: FastifyRequest,
    reply: FastifyReply,
    options: VerifySessionOptions = NO_OPTIONS
  ): Awaitable<Session | null> {
    return this.#verification.ofRequest(request, reply, options)
  }

  async verify(
    accessToken: string,
    antiCsrfToken: string | undefined,
    options: VerifySessionOptions & { readonly sessionRequired: false }
  ): Promise<SessionTokens | null>
  async verify(
    accessToken: string,
    antiCsrfToken?: string,
    options?: VerifySessionOptions
  ): Promise<SessionTokens>
  async verify(
    accessToken: string,
    antiCsrfToken?: string,
    options: VerifySessionOptions = NO_OPTIONS
  ): Promise<SessionTokens | null> {
    const isChecked = options.antiCsrfCheck ?? true
    const { antiCsrf } = this.#settings
    if (isChecked && antiCsrf === 'VIA_CUSTOM_HEADER')
      throw new TypeError('Without a request there is no header: pass antiCsrfCheck: false')
    const expected = isChecked && antiCsrf === 'VIA_TOKEN' ? antiCsrfToken : null
    const session = await this.#verification.ofToken(accessToken, expected, options)
    return session === null ? null : describeTokens(session)
  }

  refresh(request: FastifyRequest, reply: FastifyReply): Promise<Session> {
    return this.#refreshing.forRequest(request, reply)
  }

  rotate(
    refreshToken: string,
    options: { readonly antiCsrfToken?: string; readonly disableAntiCsrf?: boolean } = {}
  ): Promise<SessionTokens> {
    return this.#refreshing.alone(refreshToken, options)
  }

  async revoke(handle: string): Promise<boolean> {
    return (await this.#authority.revoke([handle])).length > 0
  }

  revokeMany(handles: readonly string[]): Promise<string[]> {
    return this.#authority.revoke(handles)
  }

  async revokeAll(userId: string, options: { readonly tenantId?: string } = {}): Promise<string[]> {
    return this.#authority.revoke(await this.list(userId, options))
  }

  list(userId: string, options: { readonly tenantId?: string } = {}): Promise<string[]> {
    return this.#authority.list(userId, options.tenantId)
  }

  async devices(
    userId: string,
    options: { readonly tenantId?: string } = {}
  ): Promise<SessionInformation[]> {
    const handles = await this.list(userId, options)
    const found = await Promise.all(handles.map((handle) => this.#authority.info(handle)))
    return found
      .filter((information) => information !== null)
      .sort((a, b) => b.lastRefreshedAt - a.lastRefreshedAt)
  }

  info(handle: string): Promise<SessionInformation | null> {
    return this.#authority.info(handle)
  }

  async updateData(handle: string, data: JsonObject): Promise<boolean> {
    return this.#authority.updateData(handle, objectOrEmpty('sessionData', data))
  }

  mergePayload(handle: string, update: JsonObject): Promise<boolean> {
    return this.#authority.updatePayload(handle, (claims) => mergeClaims(claims, update))
  }

  fetchClaim(handle: string, claim: Claim<unknown>): Promise<boolean> {
    return this.#claims.fetch(handle, claim)
  }

  setClaim<T>(handle: string, claim: Claim<T>, value: T): Promise<boolean> {
    return this.#claims.set(handle, claim, value)
  }

  getClaim<T>(handle: string, claim: Claim<T>): Promise<ClaimResult<T>> {
    return this.#claims.get(handle, claim)
  }

  removeClaim(handle: string, claim: Claim<unknown>): Promise<boolean> {
    return this.#claims.remove(handle, claim)
  }

  validateClaims(
    ...[handle, override]: Parameters<Sessions['validateClaims']>
  ): ReturnType<Sessions['validateClaims']> {
    return this.#claims.validate(handle, override)
  }

  createJWT(
    payload: JsonObject = {},
    {
      validitySeconds = JWT_VALIDITY_SECONDS,
      useStaticSigningKey = true
    }: { readonly validitySeconds?: number; readonly useStaticSigningKey?: boolean } = {}
  ): Promise<string> {
    const iat = Math.floor(this.#clock() / 1000)
    const claims = { iss: this.#settings.issuer, iat, exp: iat + validitySeconds, ...payload }
    return this.#authority.createJWT(claims, useStaticSigningKey ? 'static' : 'dynamic')
  }

  jwks(): ReturnType<Authority['keys']> {
    return this.#authority.keys()
  }

  discovery(): ReturnType<Sessions['discovery']> {
    return discoveryOf(this.#settings.issuer)
  }
}
