import type { FastifyReply, FastifyRequest } from 'fastify'
import { oneOf } from '../options/checks.ts'
import { isLocalHost } from '../options/hosts.ts'
import type { Settings } from '../options/resolve.ts'
import type { AccessTokenPayload, TokenType, TransferMethod } from '../session/types.ts'
import type { SameSiteRule } from './cookie-format.ts'

const EXPOSE = 'access-control-expose-headers'
const BEARER = 'Bearer '
const DPOP = 'DPoP '

/** Names of the headers that carry tokens to the client. */
export const FRONT_TOKEN = 'front-token'
export const ANTI_CSRF = 'anti-csrf'
export const TOKEN_HEADERS: Readonly<Record<TokenType, string>> = {
  access: 'st-access-token',
  refresh: 'st-refresh-token'
}

/** Says to the browser SDK that the session is gone. */
export const REMOVE_FRONT_TOKEN = 'remove'

/** What page JavaScript may know of a session: user, expiry in milliseconds, claims. Unsigned. */
export function encodeFrontToken(payload: AccessTokenPayload): string {
  const facts = { uid: payload.sub, ate: payload.exp * 1000, up: payload }
  return Buffer.from(JSON.stringify(facts)).toString('base64')
}

/** Request headers that the front-end SDK sends, for the `allowedHeaders` of a CORS plugin. */
export function getAllCORSHeaders(): string[] {
  return ['rid', 'fdi-version', ANTI_CSRF, 'authorization', 'st-auth-mode']
}

/** The token of an `Authorization: Bearer` header (RFC 6750 section 2.1), `undefined` for others. */
export function readBearerToken(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization === undefined) return undefined
  // RFC 9110 section 11.1: a scheme has no case.
  if (!authorization.startsWith(BEARER) && !/^bearer /i.test(authorization)) return undefined
  return authorization.slice(BEARER.length).trim() || undefined
}

/** Whether the `Authorization` header has the scheme DPoP (RFC 9449 section 7.1). */
export function isDpopScheme(request: FastifyRequest): boolean {
  const { authorization } = request.headers
  return authorization !== undefined && /^dpop /i.test(authorization)
}

/** The token of an `Authorization` header, by either scheme where sessions are bound by DPoP. */
export function readHeaderToken(
  { deviceBinding }: Pick<Settings, 'deviceBinding'>,
  request: FastifyRequest
): string | undefined {
  if (deviceBinding === null || !deviceBinding.dpop || !isDpopScheme(request))
    return readBearerToken(request)
  return request.headers.authorization?.slice(DPOP.length).trim()
}

/** A header's value, where it came once and is not empty. */
export function readHeader(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

interface Transport {
  readonly settings: Settings
  readonly sameSite: SameSiteRule
}

const checkAnswer = oneOf('cookie', 'header', 'any')

/** @throws {@link OptionsError} The app's function answered something else. */
function askApp(
  getTokenTransferMethod: NonNullable<Settings['getTokenTransferMethod']>,
  request: FastifyRequest,
  forCreateNewSession: boolean
): TransferMethod | 'any' {
  const answer = getTokenTransferMethod({ request, req: request, forCreateNewSession })
  return checkAnswer(answer, 'getTokenTransferMethod()')
}

/** What the app takes from this request. */
export function acceptedMethod(
  { settings }: Transport,
  request: FastifyRequest
): TransferMethod | 'any' {
  return settings.getTokenTransferMethod === undefined
    ? 'any'
    : askApp(settings.getTokenTransferMethod, request, false)
}

/**
 * What a session that this request creates travels by.
 *
 * @param ofSession - What the app says of this one session.
 * @throws Error The method is cookies, and the browser would drop them.
 */
export function methodForNewSession(
  transport: Transport,
  request: FastifyRequest,
  ofSession: TransferMethod | undefined
): TransferMethod {
  const { getTokenTransferMethod: ask } = transport.settings
  const method = ofSession ?? (ask === undefined ? 'any' : askApp(ask, request, true))
  const chosen = method === 'any' ? wantedMethod(request) : method
  if (chosen === 'cookie') refuseDroppedCookies(transport, request)
  return chosen
}

/** A client that says nothing of cookies and is no page of ours, such as curl, is given headers. */
function wantedMethod(request: FastifyRequest): TransferMethod {
  const wanted = readHeader(request, 'st-auth-mode')?.toLowerCase()
  if (wanted === 'cookie' || wanted === 'header') return wanted
  return isFromPage(request) ? 'cookie' : 'header'
}

/**
 * A page of the same origin, by a script or a form, or a redirect after a login elsewhere. What comes
 * from a page of another origin does not count: it would log its visitors in to any account.
 */
function isFromPage({ method, headers }: FastifyRequest): boolean {
  if (headers['sec-fetch-site'] === 'same-origin') return true
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate'
}

export function otherMethod(method: TransferMethod): TransferMethod {
  return method === 'cookie' ? 'header' : 'cookie'
}

/** RFC 6265bis section 5.7: a cookie that is SameSite=None but not Secure is dropped. */
function refuseDroppedCookies({ settings, sameSite }: Transport, request: FastifyRequest): void {
  const { appInfo, cookies } = settings
  const isLocal = isLocalHost(new URL(appInfo.apiDomain).hostname)
  if (!cookies.secure && !isLocal && sameSite(request) === 'none')
    throw new Error(
      'API and website are different sites, so that cookies are SameSite=None, which browsers drop unless they are Secure: give an https apiDomain, or transfer tokens by headers'
    )
}

/** Sets a header that a front end of another origin can read (Fetch standard, CORS). */
export function setExposedHeader(reply: FastifyReply, name: string, value: string): void {
  reply.header(name, value)
  const exposed = reply.getHeader(EXPOSE)
  // A CORS plugin may have set it before us: appended to, never replaced.
  const names =
    exposed === undefined
      ? []
      : String(exposed)
          .split(',')
          .map((text) => text.trim())
  if (!names.some((other) => other.toLowerCase() === name))
    reply.header(EXPOSE, [...names, name].join(', '))
}
