import type { FastifyRequest } from 'fastify'
import { HTTPException } from '../errors/http-exception.ts'
import { TryRefreshTokenError, UnauthorisedError } from '../errors/session-errors.ts'
import { isEqualSecret } from '../keys/secrets.ts'
import { websiteOriginFor } from '../options/app-info.ts'
import type { AntiCsrfMode } from '../options/options.ts'
import type { RefreshToken } from '../tokens/refresh-token.ts'
import { ANTI_CSRF, readHeader } from '../transport/token-headers.ts'
import type { VerifyContext } from './context.ts'
import type { AccessToken, TransferMethod, VerifySessionOptions } from './types.ts'

/**
 * All checks that a request was made by the website: where it came from, and what it proves. They
 * concern tokens from cookies alone, since a browser sends only those with requests of other pages.
 */

/** A request that a session's cookies would authenticate came from a page that is not the website. */
export class ForeignOriginError extends HTTPException<403, string> {
  readonly reason = 'origin'

  constructor(origin: string) {
    super(403, undefined, {
      code: 'SUPERSESSION_FOREIGN_ORIGIN',
      cause: `the request came from ${origin}; allowedOrigins adds origins to the website's`
    })
  }
}

type Context = Pick<VerifyContext, 'settings' | 'sameSite'>

/** What a request with cookies has to prove: as the app says, else by the `SameSite` of its cookies. */
function modeOf({ settings, sameSite }: Context, request: FastifyRequest): AntiCsrfMode {
  return settings.antiCsrf ?? (sameSite(request) === 'none' ? 'VIA_CUSTOM_HEADER' : 'NONE')
}

/** Any value will do: what counts is that other origins cannot send the header. */
function hasCustomHeader(request: FastifyRequest): boolean {
  return request.headers['rid'] !== undefined
}

/** Whether the tokens of a new or refreshed session carry an anti-CSRF token. */
export function withAntiCsrfToken({ settings }: Context, method: TransferMethod): boolean {
  return method === 'cookie' && settings.antiCsrf === 'VIA_TOKEN'
}

/**
 * Checks a request whose access token came in a cookie.
 *
 * @returns The `anti-csrf` value that the access token has to match; `null` where it need not.
 * @throws {@link ForeignOriginError} It came from another page than the website.
 * @throws {@link TryRefreshTokenError} The custom header is missing.
 */
export function checkCookieRequest(
  context: Context,
  request: FastifyRequest,
  { antiCsrfCheck }: VerifySessionOptions
): string | undefined | null {
  // A WebSocket is opened by a GET.
  if (!isSafe(request) || request.headers.upgrade !== undefined)
    refuseForeignOrigin(context, request)
  if (!(antiCsrfCheck ?? !isSafe(request))) return null
  const mode = modeOf(context, request)
  if (mode === 'VIA_CUSTOM_HEADER' && !hasCustomHeader(request))
    throw new TryRefreshTokenError(undefined, { reason: 'custom-header' })
  return mode === 'VIA_TOKEN' ? readHeader(request, ANTI_CSRF) : null
}

/** RFC 9110 section 9.2.1. */
export function isSafe({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

/**
 * Checks a request whose access token came in a cookie and was issued elsewhere, by settings that
 * are not known here: where the token has an anti-CSRF token, the app need not say so.
 *
 * @throws {@link TryRefreshTokenError} The `anti-csrf` value is not the access token's.
 */
export function checkCarriedToken(
  { settings }: Context,
  request: FastifyRequest,
  token: AccessToken,
  { antiCsrfCheck }: VerifySessionOptions
): void {
  if (settings.antiCsrf !== undefined || token.payload.antiCsrfToken === null) return
  if (antiCsrfCheck ?? !isSafe(request)) checkAccessToken(token, readHeader(request, ANTI_CSRF))
}

/**
 * The `anti-csrf` value that an access token has to match which the app hands in itself.
 *
 * @returns `null` where it need not.
 * @throws TypeError `antiCsrf` is `VIA_CUSTOM_HEADER`, which only a request can satisfy.
 */
export function expectedWithoutRequest(
  { settings: { antiCsrf } }: Context,
  antiCsrfToken: string | undefined,
  { antiCsrfCheck = true }: VerifySessionOptions
): string | undefined | null {
  if (antiCsrfCheck && antiCsrf === 'VIA_CUSTOM_HEADER')
    throw new TypeError('Without a request there is no header: pass antiCsrfCheck: false')
  return antiCsrfCheck && antiCsrf === 'VIA_TOKEN' ? antiCsrfToken : null
}

/** @throws {@link TryRefreshTokenError} The value is not the access token's. */
export function checkAccessToken({ payload }: AccessToken, value: string | undefined): void {
  if (payload.antiCsrfToken === null || !isEqualSecret(payload.antiCsrfToken, value))
    throw new TryRefreshTokenError(undefined, { reason: 'anti-csrf' })
}

/** @throws {@link UnauthorisedError} A refresh token came in a cookie and the custom header did not. */
export function checkCookieRefresh(context: Context, request: FastifyRequest): void {
  if (modeOf(context, request) === 'VIA_CUSTOM_HEADER' && !hasCustomHeader(request))
    throw new UnauthorisedError('the rid header is missing', { reason: 'custom-header' })
}

/**
 * A token that was issued without an anti-CSRF token passes once; its child carries one.
 *
 * @throws {@link UnauthorisedError} The value is not the refresh token's.
 */
export function checkRefreshToken(presented: RefreshToken, value: string | undefined): void {
  if (presented.antiCsrfToken !== null && !isEqualSecret(presented.antiCsrfToken, value))
    throw new UnauthorisedError('the anti-CSRF token does not fit the refresh token', {
      reason: 'anti-csrf'
    })
}

/**
 * Refuses what pages of other origins send in the name of a user. `SameSite` does not stop sibling
 * subdomains, nor WebSocket upgrades and forms where it is `None`.
 *
 * Where neither header came, which all browsers send, the anti-CSRF check decides alone.
 *
 * @throws {@link ForeignOriginError} Nothing is cleared, and the store is not asked.
 */
export function refuseForeignOrigin(context: Context, request: FastifyRequest): void {
  const foreign = foreignOriginOf(context, request)
  if (foreign !== null) throw new ForeignOriginError(foreign)
}

/** Where a request came from, if that is not the website; `null` if it is, or nobody knows. */
export function foreignOriginOf(context: Context, request: FastifyRequest): string | null {
  const { origin } = request.headers
  // Fetch Metadata: browsers set it, and pages cannot.
  const site = request.headers['sec-fetch-site']
  if (site === 'same-origin') return null
  if (origin !== undefined) return isAllowed(context, request, origin) ? null : origin
  return site === 'cross-site' || site === 'same-site' ? `a ${site} page` : null
}

function isAllowed(
  { settings: { appInfo, allowedOrigins, cookies } }: Context,
  request: FastifyRequest,
  origin: string
): boolean {
  if (isOwn(cookies, request, origin) || origin === appInfo.apiDomain) return true
  if (origin === websiteOriginFor(appInfo, request)) return true
  return typeof allowedOrigins === 'function'
    ? allowedOrigins(origin, request) === true
    : allowedOrigins.includes(origin)
}

/**
 * Of the host that was asked. A proxy may have taken the TLS off, so that the protocol of the request
 * does not count: where cookies are Secure an http page is not ours, but of whoever holds the network.
 */
function isOwn({ secure }: { secure: boolean }, { host }: FastifyRequest, origin: string): boolean {
  return origin === `https://${host}` || (!secure && origin === `http://${host}`)
}
