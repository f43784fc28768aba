import type { FastifyReply, FastifyRequest } from 'fastify'
import { isLocalHost } from '../options/hosts.ts'
import type { AntiCsrfMode } from '../options/options.ts'
import type { Settings } from '../options/resolve.ts'
import type { IssuedTokens, TokenChange, TransferMethod } from '../session/types.ts'
import { encodeFrontToken, REMOVE_FRONT_TOKEN } from '../tokens/front-token.ts'
import { accessCookieExpiry, parseCookies, SessionCookies } from './cookies.ts'
import { type SameSiteRule, sameSiteRule } from './same-site.ts'
import {
  ANTI_CSRF,
  FRONT_TOKEN,
  readBearerToken,
  readHeader,
  setExposedHeader,
  TOKEN_HEADERS
} from './token-headers.ts'
import type { ReceivedCookies, TokenTransport } from './types.ts'

/** Beyond this a browser drops a cookie without a word (RFC 6265 section 6.1). */
const MAX_COOKIE_BYTES = 4096

/** Tokens in cookies and headers of HTTP, as the SuperTokens front end expects them. */
export class HttpTransport implements TokenTransport {
  readonly #settings: Settings
  readonly #clock: () => number
  readonly #cookies: SessionCookies
  readonly #sameSite: SameSiteRule

  constructor(settings: Settings, clock: () => number) {
    this.#settings = settings
    this.#clock = clock
    this.#cookies = new SessionCookies(settings.cookies)
    this.#sameSite = sameSiteRule(settings.appInfo, settings.cookies)
  }

  acceptedMethod(request: FastifyRequest): TransferMethod | 'any' {
    const { getTokenTransferMethod } = this.#settings
    return getTokenTransferMethod?.({ request, forCreateNewSession: false }) ?? 'any'
  }

  methodForNewSession(request: FastifyRequest): TransferMethod {
    const wanted = readHeader(request, 'st-auth-mode')?.toLowerCase()
    const { getTokenTransferMethod } = this.#settings
    const method = getTokenTransferMethod?.({ request, forCreateNewSession: true }) ?? 'any'
    // A client that says nothing of cookies, such as curl, is given headers.
    const chosen = method !== 'any' ? method : wanted === 'cookie' ? 'cookie' : 'header'
    if (chosen === 'cookie') this.#refuseDroppedCookies(request)
    return chosen
  }

  readBearerToken(request: FastifyRequest): string | undefined {
    return readBearerToken(request)
  }

  readCookies(request: FastifyRequest): ReceivedCookies {
    return parseCookies(request.headers.cookie)
  }

  antiCsrfMode(request: FastifyRequest): AntiCsrfMode {
    return (
      this.#settings.antiCsrf ?? (this.#sameSite(request) === 'none' ? 'VIA_CUSTOM_HEADER' : 'NONE')
    )
  }

  hasCustomHeader(request: FastifyRequest): boolean {
    return request.headers['rid'] !== undefined
  }

  readAntiCsrfToken(request: FastifyRequest): string | undefined {
    return readHeader(request, ANTI_CSRF)
  }

  write(request: FastifyRequest, reply: FastifyReply, change: TokenChange): void {
    if (reply.sent) {
      request.log.warn('session tokens changed after the reply was sent: the client keeps its own')
      return
    }
    if ('issue' in change) this.#issue(request, reply, change.issue, change.method)
    else if ('clear' in change) this.#clear(request, reply, change.clear)
    else
      for (const type of change.clearOlder)
        this.#cookies.clearOlder(reply, type, this.#sameSite(request))
  }

  /** RFC 6265bis section 5.7: a cookie that is SameSite=None but not Secure is dropped. */
  #refuseDroppedCookies(request: FastifyRequest): void {
    const { appInfo, cookies } = this.#settings
    const isLocal = isLocalHost(new URL(appInfo.apiDomain).hostname)
    if (!cookies.secure && !isLocal && this.#sameSite(request) === 'none')
      throw new Error(
        'API and website are different sites, so that cookies are SameSite=None, which browsers drop unless they are Secure: give an https apiDomain, or transfer tokens by headers'
      )
  }

  #issue(
    request: FastifyRequest,
    reply: FastifyReply,
    { accessToken, refreshToken }: IssuedTokens,
    method: TransferMethod
  ): void {
    setExposedHeader(reply, FRONT_TOKEN, encodeFrontToken(accessToken.payload))
    if (method === 'header') {
      setExposedHeader(reply, TOKEN_HEADERS.access, accessToken.text)
      if (refreshToken !== undefined)
        setExposedHeader(reply, TOKEN_HEADERS.refresh, refreshToken.text)
    } else {
      this.#issueCookies(request, reply, { accessToken, refreshToken })
    }
    if (refreshToken !== undefined) this.#clearLegacy(request, reply)
  }

  #issueCookies(
    request: FastifyRequest,
    reply: FastifyReply,
    { accessToken, refreshToken }: IssuedTokens
  ): void {
    const sameSite = this.#sameSite(request)
    const expiresAt = accessCookieExpiry(this.#clock())
    if (accessToken.text.length > MAX_COOKIE_BYTES)
      request.log.warn(
        { length: accessToken.text.length },
        'the access token is too long for a cookie: keep accessTokenPayload small'
      )
    this.#cookies.set(reply, 'access', { value: accessToken.text, expiresAt, sameSite })
    if (this.#settings.exposeAccessToken)
      setExposedHeader(reply, TOKEN_HEADERS.access, accessToken.text)
    if (refreshToken === undefined) return
    const { text, expiresAt: refreshExpiresAt } = refreshToken
    this.#cookies.set(reply, 'refresh', { value: text, expiresAt: refreshExpiresAt, sameSite })
    const { antiCsrfToken } = accessToken.payload
    if (antiCsrfToken !== null) setExposedHeader(reply, ANTI_CSRF, antiCsrfToken)
  }

  #clear(request: FastifyRequest, reply: FastifyReply, method: TransferMethod | 'all'): void {
    // Also what this very reply was about to set, so this does not ask what came in.
    if (method !== 'header') {
      const sameSite = this.#sameSite(request)
      this.#cookies.clear(reply, 'access', sameSite)
      this.#cookies.clear(reply, 'refresh', sameSite)
    }
    if (method !== 'cookie') {
      setExposedHeader(reply, TOKEN_HEADERS.access, '')
      setExposedHeader(reply, TOKEN_HEADERS.refresh, '')
    }
    reply.removeHeader(ANTI_CSRF)
    setExposedHeader(reply, FRONT_TOKEN, REMOVE_FRONT_TOKEN)
    if (method === 'all') this.#clearLegacy(request, reply)
  }

  #clearLegacy(request: FastifyRequest, reply: FastifyReply): void {
    if (this.readCookies(request).hasIdRefreshToken)
      this.#cookies.clearLegacy(reply, this.#sameSite(request))
  }
}
