import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AntiCsrfMode } from '../../types/options.d.ts'
import type {
  JsonObject,
  NewSession,
  Session,
  SessionInformation,
  Sessions,
  SessionTokens,
  TokenType,
  TransferMethod,
  VerifySessionOptions
} from '../../types/session.d.ts'
import type { Awaitable } from '../../types/store.d.ts'
import type { ReceivedCookies, TokenTransport } from '../../types/transport.d.ts'
import { HTTPException } from '../errors/http-exception.ts'
import {
  ClearDuplicateSessionCookiesError,
  TokenTheftDetectedError,
  UnauthorisedError
} from '../errors/session-errors.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import { encodeFrontToken } from '../tokens/front-token.ts'
import type { Authority, CreateInput, FreshTokens, RefreshInput } from './authority.ts'
import { discoveryOf } from './discovery.ts'
import { checkNewSession } from './new-session.ts'
import { mergeClaims, newClaims } from './payload.ts'
import { type SessionParts, VerifiedSession } from './session.ts'
import { Verification } from './verification.ts'

export interface SessionsSettings {
  readonly issuer: string
  /** As the app wrote it; `undefined`: chosen per request. */
  readonly antiCsrf: AntiCsrfMode | undefined
  /** Whether cookies of an older domain can be told to clear. */
  readonly clearsOlderCookies: boolean
  readonly clock: () => number
}

/** `app.sessions`. Where HTTP meets sessions: an authority's results become tokens or errors. */
export class AppSessions implements Sessions {
  readonly #authority: Authority
  readonly #transport: TokenTransport
  readonly #parts: SessionParts
  readonly #settings: SessionsSettings
  readonly #verification: Verification

  constructor(parts: SessionParts, accessTokens: AccessTokens, settings: SessionsSettings) {
    this.#authority = parts.authority
    this.#transport = parts.transport
    this.#parts = parts
    this.#settings = settings
    this.#verification = new Verification(parts, accessTokens, settings.clock)
  }

  async create(request: FastifyRequest, reply: FastifyReply, input: NewSession): Promise<Session> {
    const method = this.#transport.methodForNewSession(request)
    const withAntiCsrf = method === 'cookie' && this.#settings.antiCsrf === 'VIA_TOKEN'
    const tokens = await this.#authority.create(this.#createInput(input, withAntiCsrf))
    const other = otherThan(method)
    // Of two sessions in one client, the one that was not just made would win somewhere.
    if (this.#hasAccessToken(request, other))
      this.#transport.write(request, reply, { clear: other })
    return this.#issue(reply, tokens, method)
  }

  async issue(input: NewSession & { readonly disableAntiCsrf?: boolean }): Promise<SessionTokens> {
    const withAntiCsrf = this.#settings.antiCsrf === 'VIA_TOKEN' && input.disableAntiCsrf !== true
    return this.#tokensOf(await this.#authority.create(this.#createInput(input, withAntiCsrf)))
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
    options: VerifySessionOptions = {}
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
    options: VerifySessionOptions = {}
  ): Promise<SessionTokens | null> {
    const isChecked = options.antiCsrfCheck ?? true
    const { antiCsrf } = this.#settings
    if (isChecked && antiCsrf === 'VIA_CUSTOM_HEADER')
      throw new TypeError('Without a request there is no header: pass antiCsrfCheck: false')
    const expected = isChecked && antiCsrf === 'VIA_TOKEN' ? antiCsrfToken : null
    const session = await this.#verification.ofToken(accessToken, expected, options)
    if (session === null) return null
    return {
      session,
      accessToken: session.accessToken,
      frontToken: encodeFrontToken(session.payload),
      antiCsrfToken: session.payload.antiCsrfToken
    }
  }

  async refresh(request: FastifyRequest, reply: FastifyReply): Promise<Session> {
    const { text, method, cameBothWays } = this.#chooseRefreshToken(request, reply)
    const tokens = await this.#exchange({
      refreshToken: text,
      withAntiCsrf: method === 'cookie' && this.#settings.antiCsrf === 'VIA_TOKEN',
      antiCsrfToken: this.#transport.readAntiCsrfToken(request)
    })
    // Only the tokens that were just renewed stay with the client.
    if (cameBothWays) this.#transport.write(request, reply, { clear: otherThan(method) })
    return this.#issue(reply, tokens, method)
  }

  async rotate(
    refreshToken: string,
    options: { readonly antiCsrfToken?: string; readonly disableAntiCsrf?: boolean } = {}
  ): Promise<SessionTokens> {
    const withAntiCsrf = this.#settings.antiCsrf === 'VIA_TOKEN' && options.disableAntiCsrf !== true
    const { antiCsrfToken } = options
    return this.#tokensOf(await this.#exchange({ refreshToken, withAntiCsrf, antiCsrfToken }))
  }

  async revoke(handle: string): Promise<boolean> {
    return (await this.#authority.revoke([handle])).length > 0
  }

  async revokeMany(handles: readonly string[]): Promise<string[]> {
    return this.#authority.revoke(handles)
  }

  async revokeAll(userId: string, options: { readonly tenantId?: string } = {}): Promise<string[]> {
    return this.#authority.revoke(await this.list(userId, options))
  }

  async list(userId: string, options: { readonly tenantId?: string } = {}): Promise<string[]> {
    return this.#authority.list(userId, options.tenantId)
  }

  async info(handle: string): Promise<SessionInformation | null> {
    return this.#authority.info(handle)
  }

  async updateData(handle: string, data: JsonObject): Promise<boolean> {
    return this.#authority.updateData(handle, data)
  }

  async mergePayload(handle: string, update: JsonObject): Promise<boolean> {
    return this.#authority.updatePayload(handle, (claims) => mergeClaims(claims, update))
  }

  async jwks(): ReturnType<Authority['keys']> {
    return this.#authority.keys()
  }

  discovery(): ReturnType<Sessions['discovery']> {
    return discoveryOf(this.#settings.issuer)
  }

  /** Which refresh token of the request counts: the header's before the cookie's. */
  #chooseRefreshToken(request: FastifyRequest, reply: FastifyReply): ChosenRefreshToken {
    const accepted = this.#transport.acceptedMethod(request)
    const cookies = this.#transport.readCookies(request)
    if (accepted !== 'header') this.#refuseDuplicates(request, reply, cookies)
    const bearer = this.#transport.readBearerToken(request)
    const { refreshToken: cookie } = cookies
    const cameBothWays = bearer !== undefined && cookie !== undefined
    if (bearer !== undefined && accepted !== 'cookie')
      return { text: bearer, method: 'header', cameBothWays }
    if (cookie === undefined || accepted === 'header')
      throw new UnauthorisedError('there is no refresh token')
    const mode = this.#transport.antiCsrfMode(request)
    if (mode === 'VIA_CUSTOM_HEADER' && !this.#transport.hasCustomHeader(request))
      throw new UnauthorisedError('the rid header is missing')
    return { text: cookie, method: 'cookie', cameBothWays }
  }

  /** Two cookies of one name are left behind by a `cookieDomain` that was changed. */
  #refuseDuplicates(
    request: FastifyRequest,
    reply: FastifyReply,
    { accessTokenCount, refreshTokenCount }: ReceivedCookies
  ): void {
    const duplicates: TokenType[] = []
    if (accessTokenCount > 1) duplicates.push('access')
    if (refreshTokenCount > 1) duplicates.push('refresh')
    if (duplicates.length === 0) return
    if (!this.#settings.clearsOlderCookies)
      throw new HTTPException(
        500,
        'The request contains multiple session cookies. Set olderCookieDomain to the cookieDomain that was used before, so that its cookies are cleared.'
      )
    this.#transport.write(request, reply, { clearOlder: duplicates })
    throw new ClearDuplicateSessionCookiesError()
  }

  async #exchange(input: RefreshInput): Promise<FreshTokens> {
    const result = await this.#authority.refresh(input)
    switch (result.status) {
      case 'OK':
        return result.tokens
      case 'UNAUTHORISED':
        throw new UnauthorisedError(result.reason)
      case 'TOKEN_THEFT_DETECTED': {
        const { handle: sessionHandle, userId } = result
        throw new TokenTheftDetectedError({ sessionHandle, userId, recipeUserId: userId })
      }
    }
  }

  #createInput(input: NewSession, withAntiCsrf: boolean): CreateInput {
    const { userId, tenantId, accessTokenPayload, sessionData } = checkNewSession(input)
    const payload = newClaims(accessTokenPayload, this.#settings.issuer)
    return { userId, tenantId, payload, sessionData, withAntiCsrf }
  }

  #hasAccessToken(request: FastifyRequest, method: TransferMethod): boolean {
    return method === 'header'
      ? this.#transport.readBearerToken(request) !== undefined
      : this.#transport.readCookies(request).accessTokenCount > 0
  }

  #issue(reply: FastifyReply, tokens: FreshTokens, method: TransferMethod): Session {
    const session = new VerifiedSession(this.#parts, tokens.accessToken, method, reply)
    session.issue(tokens)
    return session
  }

  #tokensOf({ accessToken, refreshToken }: FreshTokens): SessionTokens {
    return {
      session: new VerifiedSession(this.#parts, accessToken, 'header', null),
      accessToken: accessToken.text,
      refreshToken: refreshToken.text,
      frontToken: encodeFrontToken(accessToken.payload),
      antiCsrfToken: accessToken.payload.antiCsrfToken
    }
  }
}

interface ChosenRefreshToken {
  readonly text: string
  readonly method: TransferMethod
  readonly cameBothWays: boolean
}

function otherThan(method: TransferMethod): TransferMethod {
  return method === 'cookie' ? 'header' : 'cookie'
}
