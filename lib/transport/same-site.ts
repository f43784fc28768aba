import type { FastifyRequest } from 'fastify'
import { parseOrigin, type ResolvedAppInfo } from '../options/app-info.ts'
import type { CookieSettings } from '../options/cookies.ts'
import { siteOf } from '../options/hosts.ts'
import type { SameSite } from './cookies.ts'

/** Answers the `SameSite` attribute for a request. */
export type SameSiteRule = (request: FastifyRequest) => SameSite

/**
 * `SameSite` as the app says, else `none` where API and website are different sites (RFC 6265bis
 * section 5.2: another registrable domain or another protocol), else `lax`.
 */
export function sameSiteRule(appInfo: ResolvedAppInfo, cookies: CookieSettings): SameSiteRule {
  const { apiDomain, websiteOrigin } = appInfo
  const { sameSite } = cookies
  if (sameSite !== undefined) return () => sameSite
  if (typeof websiteOrigin === 'string') {
    const fixed = sameSiteBetween(apiDomain, websiteOrigin)
    return () => fixed
  }
  return (request) =>
    sameSiteBetween(apiDomain, parseOrigin(websiteOrigin(request), 'appInfo.origin()'))
}

/** `lax` within one site, else `none`. */
export function sameSiteBetween(apiDomain: string, websiteOrigin: string): SameSite {
  const api = new URL(apiDomain)
  const website = new URL(websiteOrigin)
  const isSameSite =
    api.protocol === website.protocol && siteOf(api.hostname) === siteOf(website.hostname)
  return isSameSite ? 'lax' : 'none'
}
