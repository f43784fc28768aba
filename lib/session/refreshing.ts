import type { FastifyReply, FastifyRequest } from 'fastify'
import { HTTPException } from '../errors/http-exception.ts'
import {
  ClearDuplicateSessionCookiesError,
  TokenTheftDetectedError,
  UnauthorisedError
} from '../errors/session-errors.ts'
import type { AntiCsrfMode } from '../options/options.ts'
import type { ReceivedCookies } from '../transport/types.ts'
import type { RefreshInput } from './authority.ts'
import { issueTo, otherThan, toSessionTokens } from './issuing.ts'
import type { SessionContext } from './session.ts'
import type { IssuedTokens, Session, SessionTokens, TokenType, TransferMethod } from './types.ts'

export interface RefreshingSettings {
  /** As the app wrote it; `undefined`: chosen per request. */
  readonly antiCsrf: AntiCsrfMode | undefined
  /** Whether cookies of an older domain can be told to clear. */
  readonly clearsOlderCookies: boolean
}

interface ChosenRefreshToken {
  readonly text: string
  readonly method: TransferMethod
  readonly cameBothWays: boolean
}

/** Exchanges refresh tokens. */
export class Refreshing {
  readonly #context: SessionContext
  readonly #settings: RefreshingSettings

  constructor(context: SessionContext, settings: RefreshingSettings) {
    this.#context = context
    this.#settings = settings
  }

  async forRequest(request: FastifyRequest, reply: FastifyReply): Promise<Session> {
    const { transport } = this.#context
    const { text, method, cameBothWays } = this.#choose(request, reply)
    const tokens = await this.#exchange({
      refreshToken: text,
      withAntiCsrf: method === 'cookie' && this.#settings.antiCsrf === 'VIA_TOKEN',
      antiCsrfToken: transport.readAntiCsrfToken(request)
    })
    // Only the tokens that were just renewed stay with the client.
    if (cameBothWays) transport.write(request, reply, { clear: otherThan(method) })
    return issueTo(reply, this.#context, tokens, method)
  }

  async alone(
    refreshToken: string,
    options: { readonly antiCsrfToken?: string; readonly disableAntiCsrf?: boolean }
  ): Promise<SessionTokens> {
    const withAntiCsrf = this.#settings.antiCsrf === 'VIA_TOKEN' && options.disableAntiCsrf !== true
    const { antiCsrfToken } = options
    const tokens = await this.#exchange({ refreshToken, withAntiCsrf, antiCsrfToken })
    // An app that stores whatever it gets has something to store, whether or not it is new.
    const kept = tokens.refreshToken?.text ?? refreshToken
    return toSessionTokens(this.#context, tokens.accessToken, kept)
  }

  /** Which refresh token of the request counts: the header's before the cookie's. */
  #choose(request: FastifyRequest, reply: FastifyReply): ChosenRefreshToken {
    const { transport } = this.#context
    const accepted = transport.acceptedMethod(request)
    const cookies = transport.readCookies(request)
    if (accepted !== 'header') this.#refuseDuplicates(request, reply, cookies)
    const bearer = transport.readBearerToken(request)
    const { refreshToken: cookie } = cookies
    const cameBothWays = bearer !== undefined && cookie !== undefined
    if (bearer !== undefined && accepted !== 'cookie')
      return { text: bearer, method: 'header', cameBothWays }
    if (cookie === undefined || accepted === 'header')
      throw new UnauthorisedError('there is no refresh token')
    const mode = transport.antiCsrfMode(request)
    if (mode === 'VIA_CUSTOM_HEADER' && !transport.hasCustomHeader(request))
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
    this.#context.transport.write(request, reply, { clearOlder: duplicates })
    throw new ClearDuplicateSessionCookiesError()
  }

  async #exchange(input: RefreshInput): Promise<IssuedTokens> {
    const result = await this.#context.authority.refresh(input)
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
}
