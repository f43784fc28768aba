import type { FastifyRequest } from 'fastify'
import { type ResolvedAppInfo, websiteOriginFor } from '../options/app-info.ts'
import type { CookieSettings } from '../options/cookies.ts'
import { isLocalHost, siteOf } from '../options/hosts.ts'
import type { SameSite } from './cookies.ts'

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
