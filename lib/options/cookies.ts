import { parsePath, type ResolvedAppInfo } from './app-info.ts'
import { OptionsError, oneOf } from './checks.ts'
import { isLocalHost, isPublicSuffix } from './hosts.ts'
import type { SupersessionOptions } from './options.ts'

/** Which requests from other sites carry a cookie (RFC 6265bis section 5.6.7). */
export type SameSite = 'strict' | 'lax' | 'none'

/** Attributes of the session cookies. */
export interface CookieSettings {
  readonly domain: string | undefined
  /** `''`: clears cookies without a domain. `undefined`: clears none. */
  readonly olderDomain: string | undefined
  readonly secure: boolean
  /** `undefined`: by the sites of API and website. */
  readonly sameSite: SameSite | undefined
  readonly accessTokenPath: string
  readonly refreshTokenPath: string
  readonly names: CookieNames
}

/** Names of the session cookies. */
export interface CookieNames {
  readonly access: string
  readonly refresh: string
  /** Of the cookie that only the device's key brings, without `__Host-` or `__Secure-`. */
  readonly device: string
}

/** Where an app keeps what its tests ask for. */
export const FOR_TESTS: unique symbol = Symbol('fastify-supersession.for-tests')

/** What the tests of an app ask for. */
export interface ForTests {
  readonly cookieNames: CookieNames
  /** The app's time, milliseconds since the epoch. */
  readonly now: () => number
}

type CookieOption =
  | 'cookieDomain'
  | 'olderCookieDomain'
  | 'cookieSecure'
  | 'cookieSameSite'
  | 'accessTokenPath'
  | 'cookiePrefix'

/** @throws {@link OptionsError} */
export function resolveCookies(
  given: { readonly [name in keyof SupersessionOptions]?: unknown } & {
    readonly [name in CookieOption]?: unknown
  },
  appInfo: ResolvedAppInfo,
  prefix: string
): CookieSettings {
  const { cookieSecure = appInfo.apiDomain.startsWith('https:'), cookieSameSite } = given
  const secure = oneOf(true, false)(cookieSecure, 'cookieSecure')
  const sameSite =
    cookieSameSite === undefined
      ? undefined
      : oneOf('strict', 'lax', 'none')(cookieSameSite, 'cookieSameSite')
  if (sameSite === 'none' && !secure)
    // RFC 6265bis section 5.7: browsers drop such cookies, on every host.
    throw new OptionsError(
      'cookieSameSite',
      "'lax' or 'strict' where cookies are not Secure (set cookieSecure, or an https apiDomain)",
      sameSite
    )
  const { olderCookieDomain } = given
  const { publicBasePath, routeBasePath } = appInfo
  // The prefix as the browser sees it, behind a gateway's path.
  const publicPrefix = publicBasePath.slice(0, publicBasePath.length - routeBasePath.length)
  const defaultPath = prefix === '' ? '' : publicPrefix
  const attributes = {
    secure,
    sameSite,
    domain: cookieDomain(given.cookieDomain, new URL(appInfo.apiDomain).hostname),
    olderDomain: olderCookieDomain === '' ? '' : domain(olderCookieDomain, 'olderCookieDomain'),
    accessTokenPath: parsePath(given.accessTokenPath ?? defaultPath, 'accessTokenPath') || '/',
    refreshTokenPath: `${appInfo.publicBasePath}/session/refresh`
  }
  return Object.freeze({ ...attributes, names: cookieNames(given.cookiePrefix ?? '', attributes) })
}

/**
 * A prefix that browsers act on (RFC 6265bis section 4.1.3), and one of the app's own. The refresh
 * token's cookie has a path, so that it cannot be `__Host-`.
 */
function cookieNames(
  prefix: unknown,
  { secure, domain, accessTokenPath }: Omit<CookieSettings, 'names'>
): CookieNames {
  const expected = (what: string) => new OptionsError('cookiePrefix', what, prefix)
  const parts =
    typeof prefix === 'string' ? /^(__Host-|__Secure-)?([\w.-]{0,64})$/.exec(prefix) : null
  if (parts === null || parts[2]?.startsWith('__'))
    throw expected(
      "up to 64 letters, digits and '-', '_', '.', after '__Host-', '__Secure-' or neither"
    )
  const [, guard = '', own] = parts
  if (guard !== '' && !secure)
    throw expected('without __Host- and __Secure- where cookies are not Secure')
  if (guard === '__Host-' && (domain !== undefined || accessTokenPath !== '/'))
    throw expected("'__Secure-' where cookieDomain is set or accessTokenPath is not '/'")
  return Object.freeze({
    access: `${guard}${own}sAccessToken`,
    refresh: `${guard && '__Secure-'}${own}sRefreshToken`,
    device: `${own}sDevice`
  })
}

function cookieDomain(value: unknown, apiHost: string): string | undefined {
  const found = domain(value, 'cookieDomain')
  const host = found?.replace(/^\./, '')
  if (host === undefined || host === apiHost || !isPublicSuffix(host)) return found
  throw new OptionsError(
    'cookieDomain',
    "a domain of your own, such as '.example.com': browsers drop cookies for a public suffix, under which strangers have theirs (publicsuffix.org)",
    value
  )
}

/** A host name, as cookies take it; a protocol and a port are tolerated, as in SuperTokens. */
function domain(value: unknown, option: string): string | undefined {
  if (value === undefined) return undefined
  const text = typeof value === 'string' ? value.trim().toLowerCase() : ''
  const [, dot = '', rest = ''] = /^(\.?)(.*)$/.exec(text) ?? []
  const url = rest.includes('://') ? rest : `http://${rest}`
  if (rest === '' || !URL.canParse(url))
    throw new OptionsError(option, "a domain, such as '.example.com'", value)
  const { hostname } = new URL(url)
  return isLocalHost(hostname) ? hostname : dot + hostname
}
