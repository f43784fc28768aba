import { checkNames, durationWithin, OptionsError, oneOf } from './checks.ts'
import type { DeviceBindingMethod } from './options.ts'

/** The option `deviceBinding`, resolved. */
export interface DeviceBindingSettings {
  /** Sessions in cookies, by Device Bound Session Credentials. */
  readonly dbsc: boolean
  /** Sessions in headers, by RFC 9449. */
  readonly dpop: boolean
  readonly boundCookieLifetimeMs: number
  readonly dpopNonces: boolean
}

const NAMES = ['methods', 'boundCookieLifetime', 'dpopNonces'] as const
const method = oneOf('dbsc', 'dpop')

/**
 * @param cookiesAreSecure - The bound cookie is `Secure`, and browsers bind over https alone.
 * @throws {@link OptionsError}
 */
export function resolveDeviceBinding(
  value: unknown,
  cookiesAreSecure: boolean
): DeviceBindingSettings | null {
  if (value === undefined) return null
  const isObject = typeof value === 'object' && !Array.isArray(value)
  const given: unknown = isObject ? value : { methods: value }
  checkNames(given, NAMES, 'deviceBinding')
  const { methods, boundCookieLifetime = '10m', dpopNonces = false } = given
  const list = methodList(methods, isObject ? 'deviceBinding.methods' : 'deviceBinding')
  const dbsc = list.includes('dbsc')
  if (dbsc && !cookiesAreSecure)
    throw new OptionsError(
      'deviceBinding',
      "'dpop' alone where cookies are not Secure (give an https apiDomain)",
      value
    )
  return Object.freeze({
    dbsc,
    dpop: list.includes('dpop'),
    boundCookieLifetimeMs: durationWithin(5, 86_400)(
      boundCookieLifetime,
      'deviceBinding.boundCookieLifetime'
    ),
    dpopNonces: oneOf(true, false)(dpopNonces, 'deviceBinding.dpopNonces')
  })
}

function methodList(value: unknown, option: string): DeviceBindingMethod[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw new OptionsError(option, "'dbsc', 'dpop' or a list of both", value)
  return list.map((name) => method(name, option))
}
