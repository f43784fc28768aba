import { Challenges } from '../device-binding/challenges.ts'
import { Dbsc } from '../device-binding/dbsc.ts'
import { DpopProofs } from '../device-binding/dpop.ts'
import type { RefreshKeys } from '../keys/refresh-keys.ts'
import type { Settings } from '../options/resolve.ts'
import type { SessionStore } from '../stores/store.ts'
import type { VerifyContext } from './context.ts'

const NONCE_LIFETIME_MS = 300_000

/** What the option `deviceBinding` asks for. */
export function openDeviceBinding(
  settings: Settings,
  { forDeviceBinding: keys }: Pick<RefreshKeys, 'forDeviceBinding'>,
  store: SessionStore
): Pick<VerifyContext, 'dbsc' | 'dpop'> {
  const { deviceBinding } = settings
  if (deviceBinding === null) return { dbsc: null, dpop: null }
  const nonces = deviceBinding.dpopNonces ? new Challenges(keys, 'nonce', NONCE_LIFETIME_MS) : null
  const { appInfo, cookies } = settings
  const registrationPath = `${appInfo.publicBasePath}/session/device`
  // The refresh route asks for the cookie, too.
  const isBelow = `${registrationPath}/`.startsWith(`${cookies.accessTokenPath}/`)
  const cookie = {
    name: cookies.names.device,
    domain: cookies.domain,
    path: isBelow ? cookies.accessTokenPath : '/',
    lifetimeMs: deviceBinding.boundCookieLifetimeMs
  }
  const refreshPath = `${registrationPath}/refresh`
  const initiators = initiatorsOf(settings)
  const origin = appInfo.apiDomain
  return {
    dbsc: deviceBinding.dbsc
      ? new Dbsc(keys, { origin, registrationPath, refreshPath, initiators, cookie })
      : null,
    dpop: deviceBinding.dpop ? new DpopProofs(nonces, store) : null
  }
}

/** The website's host, where its pages are of another origin than the API. */
function initiatorsOf({ appInfo: { websiteOrigin, apiDomain } }: Settings): string[] {
  if (typeof websiteOrigin === 'function' || websiteOrigin === apiDomain) return []
  return [new URL(websiteOrigin).hostname]
}
