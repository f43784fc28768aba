/**
 * What every option of sessions is where the app gives none. `docs/options.md` has the same in words,
 * with the defaults that follow from other options: `cookieSecure` from `appInfo.apiDomain`, and the
 * like.
 */
export const defaults = {
  /** As the SuperTokens core. */
  accessTokenValidity: '1h',
  /** Off, so that lifetimes are what they say. */
  accessTokenValidityJitter: 0,
  /** As the SuperTokens core. */
  refreshTokenValidity: '100d',
  /** Longer than any honest retry, far shorter than a thief waits. */
  refreshGracePeriod: '30s',
  /** As the SuperTokens core. */
  accessTokenSigningKeyUpdateInterval: '7d',
  useDynamicAccessTokenSigningKey: true,
  /** As the SuperTokens core. */
  signingAlgorithm: 'RS256',
  /** For about 17,000 tokens signed by RS256. */
  accessTokenCacheMB: 32,
  revocationInterval: '1s',
  allowedOrigins: [],
  exposeAccessTokenToFrontendInCookieBasedAuth: false,
  recordAddress: false,
  claims: [],
  globalClaimValidators: [],
  override: {},
  requestProperty: 'session'
} as const

/** What the members of `appInfo` are. */
export const appInfoDefaults = {
  /** Where Fastify's and most front ends' templates listen; a real app names its own. */
  apiDomain: 'http://localhost:3000',
  /** As the SuperTokens SDKs. */
  apiBasePath: '/auth',
  apiGatewayPath: ''
} as const

/** What the members of `deviceBinding` are. */
export const deviceBindingDefaults = {
  /** A browser proves its key so often, without the page noticing. */
  boundCookieLifetime: '10m',
  dpopNonces: false
} as const

/** What was given, over the defaults. What is `undefined` was left out. */
export function withDefaults(
  defaults: object,
  given: object
): { readonly [name: string]: unknown } {
  const present = Object.entries(given).filter(([, value]) => value !== undefined)
  return { ...defaults, ...Object.fromEntries(present) }
}
