import type { FastifyReply } from 'fastify'
import type { CookieSettings } from '../options/cookies.ts'
import type { TokenType } from '../session/types.ts'
import type { ReceivedCookies } from './types.ts'

const COOKIE_NAMES: Readonly<Record<TokenType, string>> = {
  access: 'sAccessToken',
  refresh: 'sRefreshToken'
}
/** As in SuperTokens: outlives the token on purpose, since an expired one asks for a refresh. */
const ACCESS_COOKIE_LIFETIME_MS = 31_536_000_000
/** Sent by clients of the protocol's first generation; it is only ever cleared. */
const LEGACY_COOKIE_NAME = 'sIdRefreshToken'
const ACCESS_PAIR = `${COOKIE_NAMES.access}=`
const REFRESH_PAIR = `${COOKIE_NAMES.refresh}=`
const LEGACY_PAIR = `${LEGACY_COOKIE_NAME}=`
const SPACE = 0x20
const NO_COOKIES: ReceivedCookies = Object.freeze({
  accessToken: undefined,
  refreshToken: undefined,
  accessTokenCount: 0,
  refreshTokenCount: 0,
  hasIdRefreshToken: false
})

export type SameSite = 'strict' | 'lax' | 'none'

/**
 * Reads our own cookies out of a `Cookie` header (RFC 6265 section 4.2.1), and no others.
 *
 * Of two cookies with one name the first wins, as everywhere. Values are taken as they are: no
 * token of ours has a character that would be percent-encoded.
 */
export function parseCookies(header: string | undefined): ReceivedCookies {
  if (header === undefined) return NO_COOKIES
  let accessToken: string | undefined
  let refreshToken: string | undefined
  let accessTokenCount = 0
  let refreshTokenCount = 0
  let hasIdRefreshToken = false
  for (let start = 0; start < header.length; ) {
    while (header.charCodeAt(start) === SPACE) start++
    const semicolon = header.indexOf(';', start)
    const end = semicolon < 0 ? header.length : semicolon
    // Cheaper than cutting out every name, most of which are not ours.
    if (header.startsWith(ACCESS_PAIR, start)) {
      accessTokenCount++
      accessToken ??= valueBetween(header, start + ACCESS_PAIR.length, end)
    } else if (header.startsWith(REFRESH_PAIR, start)) {
      refreshTokenCount++
      refreshToken ??= valueBetween(header, start + REFRESH_PAIR.length, end)
    } else if (header.startsWith(LEGACY_PAIR, start)) {
      hasIdRefreshToken = true
    }
    start = end + 1
  }
  return { accessToken, refreshToken, accessTokenCount, refreshTokenCount, hasIdRefreshToken }
}

function valueBetween(header: string, start: number, end: number): string | undefined {
  return header.slice(start, end).trimEnd() || undefined
}

/** Sets and clears the session cookies, with their attributes (RFC 6265 section 4.1.2). */
export class SessionCookies {
  readonly #settings: CookieSettings

  constructor(settings: CookieSettings) {
    this.#settings = settings
  }

  set(
    reply: FastifyReply,
    type: TokenType,
    cookie: { value: string; expiresAt: number; sameSite: SameSite }
  ): void {
    this.#write(reply, COOKIE_NAMES[type], this.#pathOf(type), cookie, this.#settings.domain)
  }

  clear(reply: FastifyReply, type: TokenType, sameSite: SameSite): void {
    this.#write(
      reply,
      COOKIE_NAMES[type],
      this.#pathOf(type),
      gone(sameSite),
      this.#settings.domain
    )
  }

  /** Clears what an earlier `cookieDomain` left behind. */
  clearOlder(reply: FastifyReply, type: TokenType, sameSite: SameSite): void {
    const domain = this.#settings.olderDomain || undefined
    this.#write(reply, COOKIE_NAMES[type], this.#pathOf(type), gone(sameSite), domain)
  }

  clearLegacy(reply: FastifyReply, sameSite: SameSite): void {
    const { accessTokenPath, domain } = this.#settings
    this.#write(reply, LEGACY_COOKIE_NAME, accessTokenPath, gone(sameSite), domain)
  }

  #pathOf(type: TokenType): string {
    return type === 'access' ? this.#settings.accessTokenPath : this.#settings.refreshTokenPath
  }

  #write(
    reply: FastifyReply,
    name: string,
    path: string,
    { value, expiresAt, sameSite }: { value: string; expiresAt: number; sameSite: SameSite },
    domain: string | undefined
  ): void {
    reply.setCookie(name, value, {
      ...DROP_APP_DEFAULTS,
      path,
      sameSite,
      httpOnly: true,
      secure: this.#settings.secure,
      expires: new Date(expiresAt),
      ...(domain === undefined ? {} : { domain })
    })
  }
}

/** An app may have given `@fastify/cookie` defaults for its own cookies; these are not for ours. */
const DROP_APP_DEFAULTS = {
  signed: false,
  partitioned: false,
  domain: undefined,
  maxAge: undefined,
  priority: undefined
} as object

/** When the cookie of an access token ends. */
export function accessCookieExpiry(nowMs: number): number {
  return nowMs + ACCESS_COOKIE_LIFETIME_MS
}

function gone(sameSite: SameSite): { value: string; expiresAt: number; sameSite: SameSite } {
  return { value: '', expiresAt: 0, sameSite }
}
