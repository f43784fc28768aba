import { ERRORS_OPTIONS, type ErrorsOptions } from '../errors/options.ts'
import { checkNames, OptionsError } from '../options/checks.ts'
import type { AppInfo, Duration, SupersessionOptions } from '../options/options.ts'
import { partOptions, resolveSettings, type Settings } from '../options/resolve.ts'
import type { SessionStore } from '../stores/store.ts'

/** Where the service that verifies lives. */
export type VerifierAppInfo = Pick<
  AppInfo,
  'apiDomain' | 'websiteDomain' | 'origin' | 'apiGatewayPath'
>

/** What `app.register(verifier, options)` takes. Options of sessions are those of the issuer. */
export interface VerifierOptions
  extends ErrorsOptions,
    Pick<
      SupersessionOptions,
      | 'accessTokenCacheMB'
      | 'allowedOrigins'
      | 'cookiePrefix'
      | 'getTokenTransferMethod'
      | 'globalClaimValidators'
      | 'requestProperty'
    > {
  /**
   * The `iss` of the access tokens that are accepted, as the issuer writes it: its `apiDomain` and
   * the path of its session routes, such as `'https://api.example.com/auth'`.
   */
  readonly issuer: string
  /**
   * URL of the issuer's public keys (RFC 7517).
   * @defaultValue `jwks_uri` of `<issuer>/.well-known/openid-configuration`
   */
  readonly jwksUri?: string
  /**
   * Where this service lives, as its clients see it: `apiDomain` is its own origin. It decides which
   * DPoP proofs are for this service and, with the website's, which pages may send cookies here.
   */
  readonly appInfo?: VerifierAppInfo
  /**
   * What a request with cookies that is not GET or HEAD has to prove besides its origin.
   * @defaultValue the anti-CSRF token, where the access token has one; `'VIA_CUSTOM_HEADER'` too
   * where website and this service are different sites
   */
  readonly antiCsrf?: SupersessionOptions['antiCsrf']
  /**
   * The store of the issuer. With it a session that the issuer revokes is refused here within
   * `revocationInterval`, and sockets close with their sessions. No request waits for it.
   * @defaultValue none: access tokens of revoked sessions live until they expire
   */
  readonly store?: SessionStore
  /**
   * How often the store is asked which sessions were revoked. Bounds: 0, which is never, to 60
   * seconds. Needs `store`.
   * @defaultValue '1s'
   */
  readonly revocationInterval?: Duration
  /**
   * The time, milliseconds since the epoch. For tests.
   * @defaultValue `Date.now`
   */
  readonly clock?: () => number
}

const APP_INFO: readonly (keyof VerifierAppInfo)[] = [
  'apiDomain',
  'websiteDomain',
  'origin',
  'apiGatewayPath'
]

/** Options that are the issuer's as well, and are checked like these. */
const SHARED_OPTIONS: readonly (keyof VerifierOptions & keyof SupersessionOptions)[] = [
  'issuer',
  'appInfo',
  'accessTokenCacheMB',
  'allowedOrigins',
  'antiCsrf',
  'cookiePrefix',
  'getTokenTransferMethod',
  'globalClaimValidators',
  'requestProperty',
  'store',
  'revocationInterval',
  'clock'
]

/** Names of the options of the verifier, besides those of the errors plugin. */
export const VERIFIER_OPTIONS: readonly string[] = [...SHARED_OPTIONS, 'jwksUri']

export interface VerifierSettings {
  readonly settings: Settings
  /** `null`: as the discovery document of the issuer says. */
  readonly jwksUri: string | null
  readonly errorsOptions: ErrorsOptions
}

/**
 * Checks the options of the verifier and fills in the defaults, once, at registration.
 *
 * @param prefix - Of the scope that registers the plugin.
 * @throws {@link OptionsError} Names the option and what it has to be.
 */
export function resolveVerifier(options: VerifierOptions, prefix: string): VerifierSettings {
  const { ownOptions, errorsOptions } = partOptions(options, VERIFIER_OPTIONS, ERRORS_OPTIONS)
  const { jwksUri, ...shared } = ownOptions as { readonly [name in keyof VerifierOptions]: unknown }
  if (shared.issuer === undefined)
    throw new OptionsError('issuer', "the issuer's URL, such as 'https://api.example.com/auth'")
  if (shared.store === undefined && shared.revocationInterval !== undefined)
    throw new OptionsError(
      'revocationInterval',
      'left out where no store is given',
      shared.revocationInterval
    )
  checkNames(shared.appInfo ?? {}, APP_INFO, 'appInfo')
  // A service that verifies sets no cookie, so that no path of its own limits `cookiePrefix`.
  // Whether a token is bound to a key is the issuer's choice: a token that is needs its proof here.
  const settings = resolveSettings(
    { ...shared, accessTokenPath: '/', deviceBinding: 'dpop' },
    prefix
  )
  return { settings, jwksUri: resolveJwksUri(jwksUri, settings.issuer), errorsOptions }
}

function resolveJwksUri(value: unknown, issuer: string): string | null {
  if (value === undefined && isHttpUrl(issuer)) return null
  if (isHttpUrl(value)) return value
  const expected = "a URL, such as 'https://api.example.com/auth/jwt/jwks.json'"
  const reason = value === undefined ? ', where the issuer is none' : ''
  throw new OptionsError('jwksUri', expected + reason, value)
}

function isHttpUrl(value: unknown): value is string {
  return typeof value === 'string' && /^https?:/.test(value) && URL.canParse(value)
}
