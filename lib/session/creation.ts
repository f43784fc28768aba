import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AntiCsrfMode } from '../options/options.ts'
import type { FreshTokens } from './authority.ts'
import { issueTo, otherThan, toSessionTokens } from './issuing.ts'
import { checkNewSession } from './new-session.ts'
import { mergeClaims, newClaims } from './payload.ts'
import type { SessionContext } from './session.ts'
import type {
  Claim,
  JsonObject,
  NewSession,
  Session,
  SessionDevice,
  SessionTokens,
  TransferMethod
} from './types.ts'

/** Longer ones are cut: they come from the client, and are kept with every session. */
const MAX_USER_AGENT_LENGTH = 512

export interface CreationSettings {
  readonly issuer: string
  /** As the app wrote it; `undefined`: chosen per request. */
  readonly antiCsrf: AntiCsrfMode | undefined
  /** Claims that every new session is given. */
  readonly claims: readonly Claim<unknown>[]
  readonly maxSessionsPerUser: number
  readonly recordAddress: boolean
}

/** Makes new sessions. */
export class Creation {
  readonly #context: SessionContext
  readonly #settings: CreationSettings

  constructor(context: SessionContext, settings: CreationSettings) {
    this.#context = context
    this.#settings = settings
  }

  async forRequest(
    request: FastifyRequest,
    reply: FastifyReply,
    input: NewSession
  ): Promise<Session> {
    const { transport } = this.#context
    const method = transport.methodForNewSession(request)
    const withAntiCsrf = method === 'cookie' && this.#settings.antiCsrf === 'VIA_TOKEN'
    const tokens = await this.#create(input, withAntiCsrf, this.#deviceOf(request))
    const other = otherThan(method)
    // Of two sessions in one client, the one that was not just made would win somewhere.
    if (this.#hasAccessToken(request, other)) transport.write(request, reply, { clear: other })
    return issueTo(reply, this.#context, tokens, method)
  }

  async alone(input: NewSession & { readonly disableAntiCsrf?: boolean }): Promise<SessionTokens> {
    const withAntiCsrf = this.#settings.antiCsrf === 'VIA_TOKEN' && input.disableAntiCsrf !== true
    const { accessToken, refreshToken } = await this.#create(input, withAntiCsrf, {})
    return toSessionTokens(this.#context, accessToken, refreshToken.text)
  }

  async #create(
    input: NewSession,
    withAntiCsrf: boolean,
    device: SessionDevice
  ): Promise<FreshTokens> {
    const { userId, tenantId, accessTokenPayload, sessionData } = checkNewSession(input)
    const payload = await this.#claimsOf(userId, tenantId, accessTokenPayload)
    const { authority } = this.#context
    const tokens = await authority.create({
      userId,
      tenantId,
      payload,
      sessionData,
      device,
      withAntiCsrf
    })
    await this.#endSurplus(userId, tokens.accessToken.payload.sessionHandle)
    return tokens
  }

  async #claimsOf(userId: string, tenantId: string, custom: JsonObject): Promise<JsonObject> {
    const subject = { userId, recipeUserId: userId, tenantId }
    let payload = newClaims(custom, this.#settings.issuer)
    for (const claim of this.#settings.claims) {
      const value = await claim.fetchValue(subject, payload)
      if (value !== undefined)
        payload = mergeClaims(payload, claim.toPayload(value, this.#context.clock()))
    }
    return payload
  }

  /**
   * Those that would end first go first. Only those before the one that was just made, so that
   * logins of the same moment leave the last of them.
   */
  async #endSurplus(userId: string, newest: string): Promise<void> {
    const { maxSessionsPerUser } = this.#settings
    if (maxSessionsPerUser === Number.POSITIVE_INFINITY) return
    const { sessions } = this.#context
    const handles = await sessions.list(userId)
    const surplus = handles.slice(0, Math.max(0, handles.indexOf(newest) + 1 - maxSessionsPerUser))
    if (surplus.length > 0) await sessions.revokeMany(surplus)
  }

  #deviceOf(request: FastifyRequest): SessionDevice {
    const userAgent = request.headers['user-agent']?.slice(0, MAX_USER_AGENT_LENGTH)
    return {
      ...(userAgent !== undefined && { userAgent }),
      ...(this.#settings.recordAddress && { address: request.ip })
    }
  }

  #hasAccessToken(request: FastifyRequest, method: TransferMethod): boolean {
    const { transport } = this.#context
    return method === 'header'
      ? transport.readBearerToken(request) !== undefined
      : transport.readCookies(request).accessTokenCount > 0
  }
}
