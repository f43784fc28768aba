import { stringifySetCookie } from 'cookie'
import type { FastifyRequest } from 'fastify'
import { type ResolvedAppInfo, websiteOriginFor } from '../options/app-info.ts'
import type { CookieNames, CookieSettings, SameSite } from '../options/cookies.ts'
import { isLocalHost, siteOf } from '../options/hosts.ts'
import type { TokenType } from '../session/types.ts'

/** As in SuperTokens: outlives the token on purpose, since an expired one asks for a refresh. */
const ACCESS_COOKIE_LIFETIME_MS = 31_536_000_000
/** Name and value: browsers drop a larger one (RFC 6265bis section 5.6). */
const MAX_COOKIE_LENGTH = 4096
/** Sent by clients of the protocol's first generation; it is only ever cleared. */
const LEGACY_COOKIE_NAME = 'sIdRefreshToken'
const SPACE = 0x20
const EQUALS = 0x3d
/** So many cookies of one name are looked at, besides the first. */
const MAX_DUPLICATES = 4
const NONE: readonly string[] = Object.freeze([])

export const NO_COOKIES: ReceivedCookies = Object.freeze({
  accessToken: undefined,
  refreshToken: undefined,
  moreAccessTokens: NONE,
  moreRefreshTokens: NONE,
  hasIdRefreshToken: false
})

/** What the session cookies of a request say. An empty cookie counts as missing. */
export interface ReceivedCookies {
  readonly accessToken: string | undefined
  readonly refreshToken: string | undefined
  /** Further cookies of that name: a former `cookieDomain` left them, or a sibling domain set them. */
  readonly moreAccessTokens: readonly string[]
  readonly moreRefreshTokens: readonly string[]
  /** A cookie of the protocol's first generation, which only a refresh replaces. */
  readonly hasIdRefreshToken: boolean
}

/** How long an access token may be in a cookie. */
export function maxAccessTokenLength({ names }: Pick<CookieSettings, 'names'>): number {
  return MAX_COOKIE_LENGTH - names.access.length
}

/**
 * Reads our own cookies out of a `Cookie` header (RFC 6265 section 4.2.1), and no others.
 *
 * Values are taken as they are: no token of ours has a character that would be percent-encoded.
 */
export function parseCookies(
  { access, refresh }: CookieNames,
  header: string | undefined
): ReceivedCookies {
  if (header === undefined) return NO_COOKIES
  let accessToken: string | undefined
  let refreshToken: string | undefined
  let moreAccessTokens = NONE
  let moreRefreshTokens = NONE
  let hasIdRefreshToken = false
  for (let start = 0; start < header.length; ) {
    while (header.charCodeAt(start) === SPACE) start++
    const semicolon = header.indexOf(';', start)
    const end = semicolon < 0 ? header.length : semicolon
    // Cheaper than cutting out every name, most of which are not ours.
    if (isPairOf(access, header, start)) {
      const value = valueBetween(header, start + access.length + 1, end)
      if (accessToken === undefined) accessToken = value
      else moreAccessTokens = withOneMore(moreAccessTokens, value)
    } else if (isPairOf(refresh, header, start)) {
      const value = valueBetween(header, start + refresh.length + 1, end)
      if (refreshToken === undefined) refreshToken = value
      else moreRefreshTokens = withOneMore(moreRefreshTokens, value)
    } else if (isPairOf(LEGACY_COOKIE_NAME, header, start)) {
      hasIdRefreshToken = true
    }
    start = end + 1
  }
  return { accessToken, refreshToken, moreAccessTokens, moreRefreshTokens, hasIdRefreshToken }
}

/** All values of a cookie, however many: a sibling domain may have put some in front. */
export function valuesOf(name: string, header: string): readonly string[] {
  const pairs = header.split(';').map((part) => part.trim())
  return pairs.filter((pair) => isPairOf(name, pair, 0)).map((pair) => pair.slice(name.length + 1))
}

function isPairOf(name: string, header: string, start: number): boolean {
  return header.startsWith(name, start) && header.charCodeAt(start + name.length) === EQUALS
}

/** Each further one may cost the check of a signature. */
function withOneMore(values: readonly string[], value: string | undefined): readonly string[] {
  return value === undefined || values.length >= MAX_DUPLICATES ? values : [...values, value]
}

function valueBetween(header: string, start: number, end: number): string | undefined {
  return header.slice(start, end).trimEnd() || undefined
}

/** The value and attributes of a session cookie that change from reply to reply. */
interface TokenCookie {
  readonly value: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly sameSite: SameSite
}

/** A `Set-Cookie` value for a token (RFC 6265 section 4.1.2). */
export function tokenCookie(
  settings: CookieSettings,
  type: TokenType,
  cookie: TokenCookie
): string {
  return serialize(settings, settings.names[type], pathOf(settings, type), cookie, settings.domain)
}

/** A `Set-Cookie` value that clears a token. */
export function clearedCookie(
  settings: CookieSettings,
  type: TokenType,
  sameSite: SameSite
): string {
  return tokenCookie(settings, type, { value: '', expiresAt: 0, sameSite })
}

/** A `Set-Cookie` value that clears what an earlier `cookieDomain` left behind. */
export function clearedOlderCookie(
  settings: CookieSettings,
  type: TokenType,
  sameSite: SameSite
): string {
  const gone = { value: '', expiresAt: 0, sameSite }
  const domain = settings.olderDomain || undefined
  return serialize(settings, settings.names[type], pathOf(settings, type), gone, domain)
}

/** A `Set-Cookie` value that clears the cookie of the protocol's first generation. */
export function clearedLegacyCookie(settings: CookieSettings, sameSite: SameSite): string {
  const gone = { value: '', expiresAt: 0, sameSite }
  return serialize(settings, LEGACY_COOKIE_NAME, settings.accessTokenPath, gone, settings.domain)
}

/** When the cookie of an access token ends. */
export function accessCookieExpiry(nowMs: number): number {
  return nowMs + ACCESS_COOKIE_LIFETIME_MS
}

function pathOf(settings: CookieSettings, type: TokenType): string {
  return type === 'access' ? settings.accessTokenPath : settings.refreshTokenPath
}

function serialize(
  { secure }: CookieSettings,
  name: string,
  path: string,
  { value, expiresAt, sameSite }: TokenCookie,
  domain: string | undefined
): string {
  return stringifySetCookie({
    name,
    value,
    path,
    expires: new Date(expiresAt),
    httpOnly: true,
    secure,
    sameSite,
    ...(domain !== undefined && { domain })
  })
}

/** Answers the `SameSite` attribute for a request. */
export type SameSiteRule = (request: FastifyRequest) => SameSite

/**
 * `SameSite` as the app says, else `none` where API and website are different sites, else `lax`.
 *
 * Plain http between two local hosts is `lax`: browsers drop a cookie that is `none` and not Secure,
 * and an address in `apiDomain` is often where the server listens and not what browsers ask.
 */
export function sameSiteRule(appInfo: ResolvedAppInfo, cookies: CookieSettings): SameSiteRule {
  const { apiDomain, websiteOrigin } = appInfo
  const { sameSite, secure } = cookies
  if (sameSite !== undefined) return () => sameSite
  if (typeof websiteOrigin === 'string') {
    const fixed = sameSiteBetween(apiDomain, websiteOrigin, secure)
    return () => fixed
  }
  return (request) => sameSiteBetween(apiDomain, websiteOriginFor(appInfo, request), secure)
}

function sameSiteBetween(apiDomain: string, websiteOrigin: string, secure: boolean): SameSite {
  if (isSameSite(apiDomain, websiteOrigin)) return 'lax'
  const isPlainAndLocal = (origin: string) =>
    origin.startsWith('http:') && isLocalHost(new URL(origin).hostname)
  return !secure && isPlainAndLocal(apiDomain) && isPlainAndLocal(websiteOrigin) ? 'lax' : 'none'
}

/** Whether two origins are one site: RFC 6265bis section 5.2, the protocol included. */
export function isSameSite(origin: string, other: string): boolean {
  const [a, b] = [new URL(origin), new URL(other)]
  return a.protocol === b.protocol && siteOf(a.hostname) === siteOf(b.hostname)
}
