import type { KeyKind, SigningAlgorithm } from '../keys/algorithms.ts'
import type { Claim, ClaimValidator, GlobalClaimValidators } from '../session/types.ts'
import type { SessionStore } from '../stores/store.ts'
import { parseOrigin, type ResolvedAppInfo, resolveAppInfo } from './app-info.ts'
import {
  type Check,
  checkNames,
  durationWithin,
  functionAtOnce,
  functionOf,
  integerWithin,
  listOf,
  numberWithin,
  OptionsError,
  oneOf,
  optional
} from './checks.ts'
import { type CookieSettings, resolveCookies } from './cookies.ts'
import { defaults, deviceBindingDefaults, withDefaults } from './defaults.ts'
import type {
  AntiCsrfMode,
  DeviceBindingMethod,
  SessionOverrides,
  SupersessionOptions
} from './options.ts'

/** The option `deviceBinding`, resolved. */
export interface DeviceBindingSettings {
  /** Sessions in cookies, by Device Bound Session Credentials. */
  readonly dbsc: boolean
  /** Sessions in headers, by RFC 9449. */
  readonly dpop: boolean
  readonly boundCookieLifetimeMs: number
  readonly dpopNonces: boolean
}

/** The options as the rest of the plugin reads them: checked, defaulted, frozen. */
export interface Settings {
  readonly appInfo: ResolvedAppInfo
  /** Newest first; empty where the app gave none. */
  readonly secrets: readonly Buffer[]
  /** `undefined`: the app gave none. */
  readonly store: SessionStore | undefined
  readonly accessTokenValidityMs: number
  readonly accessTokenValidityJitter: number
  readonly refreshTokenValidityMs: number
  readonly refreshGracePeriodMs: number
  readonly keyUpdateIntervalMs: number
  readonly keyKind: KeyKind
  readonly issuer: string
  readonly signingAlgorithm: SigningAlgorithm
  readonly accessTokenCacheBytes: number
  /** 0: access tokens of revoked sessions live until they expire. */
  readonly revocationIntervalMs: number
  readonly cookies: CookieSettings
  /** `undefined`: by the `SameSite` of the request's cookies. */
  readonly antiCsrf: AntiCsrfMode | undefined
  readonly allowedOrigins: NonNullable<SupersessionOptions['allowedOrigins']>
  readonly getTokenTransferMethod: SupersessionOptions['getTokenTransferMethod']
  readonly exposeAccessToken: boolean
  readonly absoluteLifetimeMs: number
  readonly maxSessionsPerUser: number
  readonly recordAddress: boolean
  /** `null`: sessions are not bound to devices. */
  readonly deviceBinding: DeviceBindingSettings | null
  readonly claims: readonly Claim<unknown>[]
  readonly globalClaimValidators: readonly ClaimValidator[] | GlobalClaimValidators
  readonly override: SessionOverrides
  readonly requestProperty: string
  /** `undefined`: the store's time, or the machine's. */
  readonly clock: (() => number) | undefined
}

type Name = keyof SupersessionOptions
type Given = { readonly [name in Name]?: unknown }

/** What each option of the session plugin has to be; all others are the errors plugin's. */
const checks = {
  secret: optional(secrets),
  store: optional(store),
  accessTokenValidity: durationWithin(1, 86_400_000),
  accessTokenValidityJitter: numberWithin(0, 0.25),
  refreshTokenValidity: durationWithin(1, 10_000_000_000),
  refreshGracePeriod: durationWithin(0, 300),
  accessTokenSigningKeyUpdateInterval: durationWithin(1, 10_000_000_000),
  useDynamicAccessTokenSigningKey: oneOf(true, false),
  issuer: optional(issuer),
  signingAlgorithm: oneOf('RS256', 'ES256', 'EdDSA'),
  accessTokenCacheMB: numberWithin(0, 4096),
  revocationInterval: durationWithin(0, 60),
  antiCsrf: optional(oneOf('VIA_TOKEN', 'VIA_CUSTOM_HEADER', 'NONE')),
  allowedOrigins: origins,
  getTokenTransferMethod: optional(
    functionAtOnce<NonNullable<SupersessionOptions['getTokenTransferMethod']>>()
  ),
  exposeAccessTokenToFrontendInCookieBasedAuth: oneOf(true, false),
  absoluteLifetime: optional(durationWithin(1, 10_000_000_000)),
  maxSessionsPerUser: optional(integerWithin(1, 1_000_000)),
  recordAddress: oneOf(true, false),
  claims: listOf<Claim<unknown>>('claims', ['fetchValue', 'toPayload', 'valueIn']),
  globalClaimValidators: validatorsOrFunction,
  override: overrides,
  requestProperty: propertyName,
  clock: optional(clock)
} satisfies { readonly [name in Name]?: Check<unknown> }

/** Options that are checked together, where they are resolved. */
const checkedTogether: readonly Name[] = [
  'appInfo',
  'cookieDomain',
  'olderCookieDomain',
  'cookieSecure',
  'cookieSameSite',
  'accessTokenPath',
  'cookiePrefix',
  'deviceBinding'
]

/** Names of the options that the session plugin reads itself. */
export const SESSION_OPTIONS: readonly string[] = [...Object.keys(checks), ...checkedTogether]

/**
 * Parts the options of a plugin from those that it passes on to the errors plugin.
 *
 * @param ownNames - Names of the options of the plugin.
 * @param errorsNames - Names of the options of the errors plugin.
 * @throws {@link OptionsError} A name is none of either.
 */
export function partOptions(
  options: object,
  ownNames: readonly string[],
  errorsNames: readonly string[]
): { ownOptions: Given; errorsOptions: Record<string, unknown> } {
  // Fastify takes it for plugins that make a scope, which this one does not.
  if (Object.hasOwn(Object(options), 'prefix'))
    throw new OptionsError(
      'prefix',
      'that of a scope: register the plugin inside of app.register(async (scope) => { … }, { prefix })'
    )
  checkNames(options, [...ownNames, ...errorsNames])
  const ours: Record<string, unknown> = {}
  const others: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    // An option that is `undefined` was left out.
    if (value !== undefined) (ownNames.includes(name) ? ours : others)[name] = value
  }
  return { ownOptions: ours, errorsOptions: others }
}

/**
 * Checks the options of the session plugin and fills in the defaults, once, at registration.
 *
 * @param prefix - Of the scope that registers the plugin.
 * @throws {@link OptionsError} Names the option and what it has to be.
 */
export function resolveSettings(options: Given, prefix: string): Settings {
  const given: Given = withDefaults(defaults, options)
  const read = <N extends keyof typeof checks>(name: N) =>
    checks[name](given[name], name) as ReturnType<(typeof checks)[N]>

  const appInfo = resolveAppInfo(given.appInfo, prefix)
  const accessTokenValidityMs = read('accessTokenValidity')
  const refreshTokenValidityMs = read('refreshTokenValidity')
  if (refreshTokenValidityMs <= accessTokenValidityMs)
    throw new OptionsError(
      'refreshTokenValidity',
      'longer than accessTokenValidity',
      given.refreshTokenValidity
    )
  const absoluteLifetimeMs = read('absoluteLifetime') ?? Number.POSITIVE_INFINITY
  if (absoluteLifetimeMs <= accessTokenValidityMs)
    throw new OptionsError(
      'absoluteLifetime',
      'longer than accessTokenValidity',
      given.absoluteLifetime
    )
  const cookies = resolveCookies(given, appInfo, prefix)
  return Object.freeze({
    appInfo,
    secrets: read('secret') ?? [],
    store: read('store'),
    accessTokenValidityMs,
    accessTokenValidityJitter: read('accessTokenValidityJitter'),
    refreshTokenValidityMs,
    refreshGracePeriodMs: read('refreshGracePeriod'),
    keyUpdateIntervalMs: read('accessTokenSigningKeyUpdateInterval'),
    keyKind: read('useDynamicAccessTokenSigningKey') ? 'dynamic' : 'static',
    issuer: read('issuer') ?? appInfo.issuer,
    signingAlgorithm: read('signingAlgorithm'),
    accessTokenCacheBytes: read('accessTokenCacheMB') * 2 ** 20,
    revocationIntervalMs: read('revocationInterval'),
    cookies,
    deviceBinding: resolveDeviceBinding(given.deviceBinding, cookies.secure),
    antiCsrf: read('antiCsrf'),
    allowedOrigins: read('allowedOrigins'),
    getTokenTransferMethod: read('getTokenTransferMethod'),
    exposeAccessToken: read('exposeAccessTokenToFrontendInCookieBasedAuth'),
    absoluteLifetimeMs,
    maxSessionsPerUser: read('maxSessionsPerUser') ?? Number.POSITIVE_INFINITY,
    recordAddress: read('recordAddress'),
    claims: read('claims'),
    globalClaimValidators: read('globalClaimValidators'),
    override: read('override'),
    requestProperty: read('requestProperty'),
    clock: read('clock')
  })
}

/** A list of origins as browsers write them, or a function. */
function origins(
  value: unknown,
  option: string
): NonNullable<SupersessionOptions['allowedOrigins']> {
  if (typeof value === 'function')
    return functionAtOnce<(origin: string) => boolean>()(value, option)
  if (!Array.isArray(value))
    throw new OptionsError(option, 'a list of origins, or a function', value)
  return value.map((origin) => parseOrigin(origin, option))
}

function propertyName(value: unknown, option: string): string {
  if (typeof value === 'string' && /^[A-Za-z_$][\w$]*$/.test(value)) return value
  throw new OptionsError(option, 'the name of a property', value)
}

/** Asked once: a promise, a date or a text would let each comparison of times come out false. */
function clock(value: unknown, option: string): () => number {
  const now = functionAtOnce<() => unknown>()(value, option)()
  if (Number.isFinite(now)) return value as () => number
  throw new OptionsError(`${option}()`, 'milliseconds since the epoch, as of Date.now()', now)
}

/** RFC 7519 section 2: any text, and a URI where there is a colon. */
function issuer(value: unknown, option: string): string {
  const isText = typeof value === 'string' && /^\S+$/.test(value)
  if (isText && (!value.includes(':') || URL.canParse(value))) return value
  throw new OptionsError(option, "a URL, such as 'https://api.example.com', or a name", value)
}

const validatorList = listOf<ClaimValidator>('claim validators', ['validate'])

function validatorsOrFunction(
  value: unknown,
  option: string
): readonly ClaimValidator[] | GlobalClaimValidators {
  return typeof value === 'function'
    ? (value as GlobalClaimValidators)
    : validatorList(value, option)
}

function overrides(value: unknown, option: string): SessionOverrides {
  checkNames(value, ['functions', 'apis'], option)
  const check = optional(functionOf())
  check(value['functions'], `${option}.functions`)
  check(value['apis'], `${option}.apis`)
  return value
}

/** An HMAC key is at least as long as its hash (RFC 7518 section 3.2). */
const MIN_SECRET_BYTES = 32

function secrets(value: unknown, option: string): Buffer[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  const buffers = list.map((secret) =>
    typeof secret === 'string' || Buffer.isBuffer(secret) ? Buffer.from(secret as string) : null
  )
  const isGood = (secret: Buffer | null) => secret !== null && secret.length >= MIN_SECRET_BYTES
  if (buffers.length > 0 && buffers.every(isGood)) return buffers as Buffer[]
  throw new OptionsError(
    option,
    `at least ${MIN_SECRET_BYTES} bytes as a string or Buffer, or a list of such; to make one: node -p "crypto.randomBytes(${MIN_SECRET_BYTES}).toString('hex')"`
  )
}

const STORE_METHODS: readonly (keyof SessionStore)[] = [
  'insert',
  'get',
  'replace',
  'delete',
  'listByUser',
  'deleteExpired',
  'listKeys',
  'addKey',
  'deleteKeys',
  'close'
]

function store(value: unknown, option: string): SessionStore {
  const members = Object(value) as Record<string, unknown>
  const missing = STORE_METHODS.filter((method) => typeof members[method] !== 'function')
  if (missing.length === 0) return value as SessionStore
  throw new OptionsError(option, `a session store; it lacks ${missing.join(', ')}`, value)
}

const DEVICE_BINDING = ['methods', 'boundCookieLifetime', 'dpopNonces'] as const

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
  checkNames(given, DEVICE_BINDING, 'deviceBinding')
  const { methods, boundCookieLifetime, dpopNonces } = withDefaults(deviceBindingDefaults, given)
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
  const list = [value].flat()
  const isGood = (name: unknown) => name === 'dbsc' || name === 'dpop'
  if (list.length > 0 && list.every(isGood)) return list
  throw new OptionsError(option, "'dbsc', 'dpop' or a list of both", value)
}
