import type { FastifyRequest } from 'fastify'
import { oneOf } from '../options/check.ts'
import { isLocalHost } from '../options/hosts.ts'
import type { Settings } from '../options/resolve.ts'
import type { TransferMethod } from '../session/types.ts'
import type { SameSiteRule } from './same-site.ts'
import { readHeader } from './token-headers.ts'

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
 * @throws Error The method is cookies, and the browser would drop them.
 */
export function methodForNewSession(transport: Transport, request: FastifyRequest): TransferMethod {
  const { getTokenTransferMethod } = transport.settings
  const method =
    getTokenTransferMethod === undefined ? 'any' : askApp(getTokenTransferMethod, request, true)
  const wanted = readHeader(request, 'st-auth-mode')?.toLowerCase()
  // A client that says nothing of cookies, such as curl, is given headers.
  const chosen = method !== 'any' ? method : wanted === 'cookie' ? 'cookie' : 'header'
  if (chosen === 'cookie') refuseDroppedCookies(transport, request)
  return chosen
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
