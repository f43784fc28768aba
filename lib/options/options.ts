import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorsOptions } from '../errors/options.ts'
import type { SigningAlgorithm } from '../keys/algorithms.ts'
import type {
  Claim,
  ClaimValidator,
  GlobalClaimValidators,
  Sessions,
  TransferMethod
} from '../session/types.ts'
import type { SessionStore } from '../stores/store.ts'

/** Seconds as a number, or a number with a unit: `'30s'`, `'15m'`, `'12h'`, `'7d'`. */
export type Duration = number | string

/** Where the app lives, as the browser sees it. */
export interface AppInfo {
  /** Any name; kept for the sake of configurations that have it. */
  readonly appName?: string
  /** Path of the website's login page. Kept like `appName`: only front ends need it. */
  readonly websiteBasePath?: string
  /**
   * Origin of the API. Decides the issuer of access tokens, whether cookies are `Secure`, and, with
   * the website's, their `SameSite`. Without a protocol: https, for localhost and addresses http.
   * @defaultValue 'http://localhost:3000'
   */
  readonly apiDomain?: string
  /**
   * Origin of the website. Give it where it differs from the API's.
   * @defaultValue `apiDomain`
   */
  readonly websiteDomain?: string
  /**
   * Origin of the website of a request, where one API serves several. Wins over `websiteDomain`. A
   * function is given the request, which is also its own member `request`, as in SuperTokens.
   */
  readonly origin?:
    | string
    | ((request: FastifyRequest & { readonly request: FastifyRequest }) => string)
  /**
   * Path of the session routes, below the prefix of the scope that registers the plugin. The
   * front-end SDK is given the whole path, prefix included.
   * @defaultValue '/auth'
   */
  readonly apiBasePath?: string
  /**
   * A path that a gateway takes off before requests arrive. The browser sees it, routes do not.
   * @defaultValue ''
   */
  readonly apiGatewayPath?: string
}

/** How a session is bound to a device: in cookies, or in headers. */
export type DeviceBindingMethod = 'dbsc' | 'dpop'

/** What the option `deviceBinding` may say besides the methods. */
export interface DeviceBindingOptions {
  readonly methods: DeviceBindingMethod | readonly DeviceBindingMethod[]
  /**
   * How long the bound cookie is accepted, and so a copy of all cookies elsewhere. The browser
   * fetches the next one after nine tenths of it. Bounds: 5 seconds to a day.
   * @defaultValue '10m'
   */
  readonly boundCookieLifetime?: Duration
  /**
   * Whether DPoP proofs have to carry a nonce of the server (RFC 9449 section 9). It is good for
   * five minutes; a client is given one with the refusal of a proof that has none.
   * @defaultValue false
   */
  readonly dpopNonces?: boolean
}

/** Anti-CSRF: a token per session, a header that other origins cannot send, or nothing. */
export type AntiCsrfMode = 'VIA_TOKEN' | 'VIA_CUSTOM_HEADER' | 'NONE'

/** What `app.register(supersession, options)` takes. Everything has a default. */
export interface SupersessionOptions extends ErrorsOptions {
  readonly appInfo?: AppInfo

  /**
   * Authenticates refresh tokens and encrypts signing keys in the store. A list is for changing it:
   * the first one issues, all of them are accepted. At least 32 bytes each. It may be `undefined`
   * like a variable of the environment; a store that outlives the process is warned of then.
   * @defaultValue random keys, kept in the store
   */
  readonly secret?: string | Buffer | readonly (string | Buffer)[] | undefined

  /**
   * Where sessions and keys live.
   * @defaultValue `memoryStore()`: everybody is logged out when the process ends
   */
  readonly store?: SessionStore

  /**
   * How long an access token lives. Bounds: 1 second to 86,400,000 seconds. The longer,
   * the fewer refreshes.
   * @defaultValue '1h'
   */
  readonly accessTokenValidity?: Duration
  /**
   * The share of an access token's life that is cut off at random, so that clients which logged in
   * together do not refresh together. Bounds: 0 to 0.25.
   * @defaultValue 0
   */
  readonly accessTokenValidityJitter?: number
  /**
   * How long a session lives without being used. Must exceed `accessTokenValidity`.
   * @defaultValue '100d'
   */
  readonly refreshTokenValidity?: Duration
  /**
   * How long a session lives at most, used or not. Bounds: longer than `accessTokenValidity`.
   * @defaultValue as long as it is used
   */
  readonly absoluteLifetime?: Duration
  /**
   * How many sessions a user may have; a new one ends those that would end first. Bounds: 1 to
   * 1,000,000.
   * @defaultValue any number
   */
  readonly maxSessionsPerUser?: number
  /**
   * Whether the client's address (`request.ip`) is kept with a session, for the list of devices.
   * @defaultValue false
   */
  readonly recordAddress?: boolean
  /**
   * For how long after a refresh tabs and retries that present the same refresh token are given the
   * same next one, and for how long after its confirmation stragglers are welcome; for half of it
   * a confirmed refresh token is not exchanged again. Bounds: 0 to 300 seconds; 0 is the rule of
   * SuperTokens, under which two tabs can look like a theft. Four times the slowest round trip is
   * enough; `docs/rotation.md` says why.
   * @defaultValue '30s'
   */
  readonly refreshGracePeriod?: Duration
  /**
   * How long a key signs access tokens before the next one does. At least 1 second.
   * @defaultValue '7d'
   */
  readonly accessTokenSigningKeyUpdateInterval?: Duration
  /**
   * `false` signs with a key that never changes. Switching costs each client one refresh.
   * @defaultValue true
   */
  readonly useDynamicAccessTokenSigningKey?: boolean
  /**
   * `iss` of access tokens and of what `createJWT` signs (RFC 7519 section 4.1.1). A session keeps the
   * one that it began with. The discovery document names it as well.
   * @defaultValue `apiDomain` and the path of the session routes
   */
  readonly issuer?: string
  /**
   * RS256 is what SuperTokens uses; ES256 and EdDSA make shorter tokens and cheaper refreshes.
   * @defaultValue 'RS256'
   */
  readonly signingAlgorithm?: SigningAlgorithm
  /**
   * How much memory verified access tokens may take, in megabytes: the signature of those that are
   * remembered is not checked again. An eighth of it holds digests of many more, which spare the
   * signature alone. Bounds: 0, which remembers none, to 4096.
   * @defaultValue 32: about 17,000 tokens signed by RS256, and 260,000 digests
   */
  readonly accessTokenCacheMB?: number
  /**
   * How often each process asks the store which sessions were revoked, so that their access tokens
   * are refused although they have not expired. No request waits for it. Bounds: 0 to 60 seconds;
   * with 0 such tokens live until they expire, but for `checkDatabase`.
   * @defaultValue '1s'
   */
  readonly revocationInterval?: Duration

  /**
   * Domain of the cookies, for sessions across subdomains. No public suffix: browsers drop cookies
   * for these.
   * @defaultValue the host of the API only
   */
  readonly cookieDomain?: string
  /** The former `cookieDomain` (`''`: none), so that cookies which it left behind are cleared. */
  readonly olderCookieDomain?: string
  /** @defaultValue whether `apiDomain` is https */
  readonly cookieSecure?: boolean
  /** @defaultValue `'none'` where API and website are different sites, else `'lax'` */
  readonly cookieSameSite?: 'strict' | 'lax' | 'none'
  /**
   * Path of the access token's cookie.
   * @defaultValue the prefix of the scope that registers the plugin, behind `apiGatewayPath`, or '/'
   */
  readonly accessTokenPath?: string
  /**
   * Stands before the names of the cookies, for two apps on one host. `'__Host-'`, which needs https,
   * no `cookieDomain` and no `accessTokenPath`, keeps subdomains from setting the access token's
   * cookie; with it, and with `'__Secure-'`, that of the refresh token is `__Secure-`. Both may stand
   * before a prefix of your own: `'__Host-shop-'`. A change of it logs out who has cookies.
   * @defaultValue `''`: the names of the protocol
   */
  readonly cookiePrefix?: string

  /** @defaultValue `'VIA_CUSTOM_HEADER'` where `SameSite` is `none`, else `'NONE'` */
  readonly antiCsrf?: AntiCsrfMode
  /**
   * Origins whose pages may send requests with the session's cookies, besides the API's own, the
   * website's and the one that was asked. It concerns requests that are not GET or HEAD, the refresh
   * route and WebSocket upgrades: others are 403. A function is given the `Origin` header and decides.
   * @defaultValue []
   */
  readonly allowedOrigins?:
    | readonly string[]
    | ((origin: string, request: FastifyRequest) => boolean)
  /**
   * How tokens travel. `any` takes both from a client, and gives what `st-auth-mode` asks for.
   * @defaultValue `'any'`, and for a new session the request's `st-auth-mode`; without that header
   * cookies for a page of the same origin (`Sec-Fetch-Site`) and for a redirect after a login
   * elsewhere (`Sec-Fetch-Mode: navigate`), and headers for all others
   */
  readonly getTokenTransferMethod?: (context: {
    readonly request: FastifyRequest
    /** The same, by the name that SuperTokens gives it. */
    readonly req: FastifyRequest
    readonly forCreateNewSession: boolean
  }) => TransferMethod | 'any'
  /**
   * Also sends the access token in a header where it travels in a cookie, for front ends that pass
   * it on. It can then be read by scripts of the page.
   * @defaultValue false
   */
  readonly exposeAccessTokenToFrontendInCookieBasedAuth?: boolean

  /**
   * Binds sessions to the device that logged in, so that copied tokens are of no use elsewhere:
   * `'dbsc'` (Device Bound Session Credentials) those in cookies, which needs https and a browser
   * that knows it; `'dpop'` (RFC 9449) those in headers, where the client proves its key. Clients
   * that do neither get sessions that are not bound; `verifySession({ deviceBound: true })` refuses
   * those. `docs/device-binding.md` says what it protects from.
   * @defaultValue sessions are not bound
   */
  readonly deviceBinding?:
    | DeviceBindingMethod
    | readonly DeviceBindingMethod[]
    | DeviceBindingOptions

  /** Claims that every new session is given. */
  readonly claims?: readonly Claim<unknown>[]
  /**
   * Claim validators of every route, unless it overrides them; or a function that answers them for a
   * session. `sessions.validateClaims` gives it what the store knows of the session.
   * @defaultValue []
   */
  readonly globalClaimValidators?: readonly ClaimValidator[] | GlobalClaimValidators

  /** Replaces functions of `app.sessions` and the plugin's routes, or switches routes off. */
  readonly override?: SessionOverrides

  /**
   * Name of the request's property, where another plugin has taken `session`. In TypeScript the app
   * declares it: `interface FastifyRequest { auth: Session }` in the module `fastify`. The types of
   * the other plugin need `skipLibCheck`.
   * @defaultValue 'session'
   */
  readonly requestProperty?: string

  /**
   * The time, milliseconds since the epoch. For tests.
   * @defaultValue the store's time where several machines can share it, else `Date.now`
   */
  readonly clock?: () => number
}

/** What answers one of the plugin's routes. `undefined` switches the route off. */
export type SessionApi =
  | ((request: FastifyRequest, reply: FastifyReply) => Promise<unknown>)
  | undefined

/**
 * The plugin's routes, by SuperTokens' names where there are any. When `refreshPOST` and
 * `signOutPOST` have answered, `request.session` is the session that was refreshed or ended.
 */
export interface SessionApis {
  readonly refreshPOST: SessionApi
  readonly signOutPOST: SessionApi
  /** Takes a browser's key. There with `deviceBinding` and `'dbsc'`. */
  readonly deviceRegistrationPOST: SessionApi
  /** Gives the next bound cookie. There with `deviceBinding` and `'dbsc'`. */
  readonly deviceRefreshPOST: SessionApi
  readonly jwksGET: SessionApi
  readonly discoveryGET: SessionApi
}

/** Each is given the originals, and answers what takes their place. */
export interface SessionOverrides {
  /** `request.session`, hooks and routes go through what it answers. */
  readonly functions?: (original: Sessions) => Sessions
  /** What the plugin's routes do. */
  readonly apis?: (original: SessionApis) => SessionApis
}
