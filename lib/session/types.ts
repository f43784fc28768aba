import type {
  FastifyReply,
  FastifyRequest,
  RawServerBase,
  RouteGenericInterface,
  SessionClaims,
  SessionData
} from 'fastify'
import type { Awaitable } from '../awaitable.ts'
import type { PublicJwk } from '../keys/algorithms.ts'

/** An object as JSON can carry it. */
export type JsonObject = { [key: string]: unknown }

/** A request of any server; `FastifyRequest` is none of HTTP/2. */
export type AnyRequest = FastifyRequest<RouteGenericInterface, RawServerBase>

/** A reply of any server. */
export type AnyReply = FastifyReply<RouteGenericInterface, RawServerBase>

/** How both tokens of a session travel: in cookies, or in headers. */
export type TransferMethod = 'cookie' | 'header'

/** What an app declared by augmenting an interface; `Otherwise` where it declared nothing. */
type Declared<T, Otherwise> = keyof T extends never ? Otherwise : T

/** What is given as an object of JSON: interfaces and types alike. */
type JsonInput<T> = Declared<T, object>

/**
 * The custom claims of an access token: as the app declares them by augmenting `SessionClaims` of the
 * module `fastify`, else any.
 */
export type CustomClaims = Declared<SessionClaims, { readonly [claim: string]: unknown }>

/**
 * The data of a session: as the app declares it by augmenting `SessionData` of the module `fastify`,
 * else any object.
 */
export type StoredSessionData = Declared<SessionData, JsonObject>

/** What claims and their validators look at: a payload, in which declared claims have their types. */
export type ClaimsPayload = JsonObject & CustomClaims

/** Custom claims to merge: `null` removes one. */
export type ClaimsUpdate = keyof SessionClaims extends never
  ? object
  : { readonly [Name in keyof SessionClaims]?: SessionClaims[Name] | null }

/** What an access token of version 5 says. Custom claims stand beside these, at the root. */
export type AccessTokenPayload = ProtocolClaims & CustomClaims

/** The claims of the protocol. */
export interface ProtocolClaims {
  /** Who issued it (RFC 7519 section 4.1.1). */
  readonly iss?: string
  /** User id. */
  readonly sub: string
  /** Recipe user id: the same as `sub`, since there is no account linking. */
  readonly rsub: string
  /** Tenant id. */
  readonly tId: string
  /** When this very token was minted, seconds since the epoch. */
  readonly iat: number
  /** When this token expires, seconds since the epoch. */
  readonly exp: number
  readonly sessionHandle: string
  readonly refreshTokenHash1: string
  /** Not `null`: the token comes from a refresh and the store has not seen it in use yet. */
  readonly parentRefreshTokenHash1: string | null
  readonly antiCsrfToken: string | null
  /** The key that the session is bound to (RFC 7800); left out where it is not bound. */
  readonly cnf?: { readonly jkt: string }
}

/** A signed access token and what it says. */
export interface AccessToken {
  /** The JWT as the client sends it. */
  readonly text: string
  readonly payload: AccessTokenPayload
}

/** Tokens to hand to a client. */
export interface IssuedTokens {
  readonly accessToken: AccessToken
  /** Absent where only the access token changed. `expiresAt` in milliseconds since the epoch. */
  readonly refreshToken?: { readonly text: string; readonly expiresAt: number } | undefined
}

/** The two tokens of a session. */
export type TokenType = 'access' | 'refresh'

/** Options of one check of a session. */
export interface VerifySessionOptions {
  /**
   * Whether a request without a session is refused. `false` lets it pass with `request.session`
   * being `null`; a token that is expired or forged is refused all the same.
   * @defaultValue true
   */
  readonly sessionRequired?: boolean
  /**
   * Whether the anti-CSRF check runs. It only ever applies to tokens from cookies.
   * @defaultValue `true` for all methods but GET and HEAD
   */
  readonly antiCsrfCheck?: boolean
  /**
   * Whether the store is asked on each request, so that a session that another process revoked ends
   * at once, and not within `revocationInterval`.
   * @defaultValue false
   */
  readonly checkDatabase?: boolean
  /**
   * Whether sessions are refused, with 403, that are not bound to a device. Needs `deviceBinding`.
   * @defaultValue false
   */
  readonly deviceBound?: boolean
  /** Answers the claim validators of this route, given the global ones and the session. */
  readonly overrideGlobalClaimValidators?: OverrideGlobalClaimValidators
}

/** What the store knows about a session. Times are milliseconds since the epoch. */
export interface SessionInformation {
  readonly handle: string
  readonly userId: string
  readonly tenantId: string
  readonly createdAt: number
  /** When the session ends unless it is refreshed. */
  readonly expiresAt: number
  readonly sessionData: StoredSessionData
  /** Custom claims of the access token, `iss` among them. */
  readonly accessTokenPayload: CustomClaims & { readonly iss?: string }
  /** When the client was last given a refresh token, or at the latest known to use it. */
  readonly lastRefreshedAt: number
  /** What was known of the client when it logged in. */
  readonly device: SessionDevice
  /** What binds the session to its device; left out where nothing does. */
  readonly deviceBinding?: 'dbsc' | 'dpop'
}

/** What the `User-Agent` header said, and the address, where the app keeps addresses. */
export interface SessionDevice {
  readonly userAgent?: string
  readonly address?: string
}

/** One of a user's sessions, as people are shown it. */
export interface DeviceSession extends SessionInformation {
  /** Whether it is the session that asked. */
  readonly isCurrent: boolean
}

/** A verified session: `request.session`. */
export interface Session {
  readonly userId: string
  readonly recipeUserId: string
  readonly handle: string
  readonly tenantId: string
  /** Everything the access token says, custom claims at the root. Frozen. */
  readonly payload: AccessTokenPayload
  /** When the access token expires, milliseconds since the epoch. The session: see `info()`. */
  readonly expiresAt: number
  /** When the access token was minted, milliseconds since the epoch. The session: see `info()`. */
  readonly createdAt: number
  /** The access token as a JWT. */
  readonly accessToken: string

  /**
   * What the store knows of the session, its own `createdAt` and `expiresAt` among it.
   * @throws {@link UnauthorisedError} The session is gone.
   */
  info(): Promise<SessionInformation>

  /**
   * Reads the session's data from the store.
   * @throws {@link UnauthorisedError} The session is gone.
   */
  getData(): Promise<StoredSessionData>

  /**
   * Replaces the session's data in the store.
   * @throws {@link UnauthorisedError} The session is gone.
   */
  updateData(data: JsonInput<SessionData>): Promise<void>

  /**
   * Merges custom claims into the access token: at the root, `null` removes. The client gets a new
   * access token with this reply.
   *
   * @throws {@link UnauthorisedError} The session is gone.
   * @throws TypeError `update` names a claim of the protocol, such as `sub`, or the access token would
   * not fit its cookie.
   */
  mergePayload(update: ClaimsUpdate): Promise<void>

  /**
   * Runs claim validators, those of values that are missing or too old after fetching them anew.
   * @throws {@link InvalidClaimsError} One did not pass.
   */
  assertClaims(validators: readonly ClaimValidator[]): Promise<void>

  /** The value of a claim in the access token. */
  getClaim<T>(claim: Claim<T>): T | undefined
  /** Sets a claim, as {@link Session.mergePayload} does. */
  setClaim<T>(claim: Claim<T>, value: T): Promise<void>
  /** Fetches a claim and sets it. */
  fetchClaim(claim: Claim<unknown>): Promise<void>
  /** Takes a claim out, as {@link Session.mergePayload} does. */
  removeClaim(claim: Claim<unknown>): Promise<void>

  /** This user's live sessions, the one that was refreshed last in front. */
  devices(): Promise<DeviceSession[]>
  /** Ends all other sessions of this user. @returns Their handles. */
  revokeOthers(): Promise<string[]>

  /**
   * Closes a WebSocket when the session has ended: it was revoked, or it was not refreshed in time.
   * The access token may expire meanwhile, since nobody can refresh on a socket.
   *
   * A session that this process revokes closes its sockets at once, one that another revokes within
   * `revocationInterval`. For sessions that expire the store is asked, now and then; while it fails,
   * the socket stays open. The socket is closed as if its handler had thrown an
   * {@link UnauthorisedError}: with 4401 and the reason `UNAUTHORISED`, unless the app's close codes
   * or its handlers say otherwise.
   *
   * @param options.everySeconds - How often the store is asked, for each socket: from 0.001 seconds
   * to a day. Default 10.
   * @throws RangeError `everySeconds` is out of bounds.
   */
  attachSocket(socket: ClosableSocket, options?: { readonly everySeconds?: number }): void

  /** Ends the session and takes the tokens away from the client with this reply. */
  revoke(): Promise<void>
}

/**
 * A request of a route whose session is not required: annotate the handler's with it, so that the
 * compiler asks what is to happen without a session. Types of hooks cannot do that by themselves.
 *
 * ```ts
 * app.get('/', { preHandler: optional }, async (request: WithOptionalSession) =>
 *   request.session?.userId ?? 'nobody'
 * )
 * ```
 *
 * Where a type provider infers the request: `const { session }: WithOptionalSession = request`.
 */
export type WithOptionalSession<Request extends FastifyRequest = FastifyRequest> = Omit<
  Request,
  'session'
> & { readonly session: Session | null }

/** What is needed of a WebSocket, such as one of `@fastify/websocket`. */
export interface ClosableSocket {
  readonly readyState: number
  /** Ends it with a close frame (RFC 6455 section 7.1.5). */
  close(code?: number, reason?: string): void
  /** Calls the listener when it has closed. */
  once(event: 'close', listener: () => void): unknown
}

/** What a new session starts with. Data that the app declares has to be given. */
export type NewSession = NewSessionFields &
  (Partial<SessionData> extends SessionData ? unknown : { readonly sessionData: SessionData })

/** The fields of a new session. */
export interface NewSessionFields {
  /**
   * A non-empty string, at most 512 bytes in JSON: as many characters of ASCII. Well-formed text
   * without NUL.
   */
  readonly userId: string
  /**
   * Letters, digits and hyphens, at most 64.
   * @defaultValue 'public'
   */
  readonly tenantId?: string
  /**
   * Custom claims, readable by the browser. Names of the protocol are left out. At most 4096 bytes
   * of JSON, and no more than a cookie has room for where tokens travel in cookies.
   * @defaultValue {}
   */
  readonly accessTokenPayload?: JsonInput<SessionClaims>
  /**
   * Kept on the server.
   * @defaultValue {}
   */
  readonly sessionData?: JsonInput<SessionData>
}

/** A session and its tokens, for apps that move them by themselves. */
export interface SessionTokens {
  readonly session: Session
  readonly accessToken: string
  /** Absent where the session was not created or refreshed. */
  readonly refreshToken?: string
  readonly frontToken: string
  readonly antiCsrfToken: string | null
}

/** A claim's value, by the handle of a session. */
export type ClaimResult<T> =
  | { readonly status: 'OK'; readonly value: T | undefined }
  | { readonly status: 'SESSION_DOES_NOT_EXIST_ERROR' }

/** What validators found, by the handle of a session. */
export type ClaimsValidationResult =
  | {
      readonly status: 'OK'
      readonly invalidClaims: readonly { readonly id: string; readonly reason?: unknown }[]
    }
  | { readonly status: 'SESSION_DOES_NOT_EXIST_ERROR' }

/** Answers the claim validators of a session. */
export type GlobalClaimValidators = (
  session: Session | SessionInformation
) => Awaitable<readonly ClaimValidator[]>

/**
 * `app.sessions`: everything that can be done to sessions.
 *
 * Each function throws an {@link OptionsError}, which names it, for an argument or an option that is
 * unknown or of the wrong type. An id that cannot be one of a session or user is simply not found.
 */
export interface Sessions<Request = FastifyRequest, Reply = FastifyReply> {
  /**
   * Creates a session and puts its tokens on the reply. Ends the one that the request still has.
   *
   * Does not check who the user is: that is the app's login.
   *
   * @throws TypeError A field of `input` is not what it has to be.
   * @throws {@link StoreUnavailableError} (503) The store failed; the reply is untouched.
   */
  create(
    request: Request,
    reply: Reply,
    input: NewSession & {
      /**
       * Whether a session that the request still has lives on. Ending it is what OWASP ASVS 7.2.4
       * asks for.
       * @defaultValue false
       */
      readonly keepOldSession?: boolean
      /**
       * How the tokens of this session travel.
       * @defaultValue as `getTokenTransferMethod` or the client says
       */
      readonly transferMethod?: TransferMethod
    }
  ): Promise<Session>

  /** Creates a session without a request; the app moves the tokens. */
  issue(input: NewSession & { readonly disableAntiCsrf?: boolean }): Promise<SessionTokens>

  /**
   * Verifies the session of a request, as the hook of `app.verifySession()` does.
   *
   * @param reply - `null` where `request.verifySession()` asks, which knows of none.
   * @returns The session, or `null` where there is none and `sessionRequired` is `false`.
   * @throws {@link UnauthorisedError}, {@link TryRefreshTokenError}, {@link InvalidClaimsError}
   * @throws {@link StoreUnavailableError} (503) The store was needed and failed.
   */
  get(
    request: Request,
    reply: Reply | null,
    options: VerifySessionOptions & { readonly sessionRequired: false }
  ): Awaitable<Session | null>
  /** The same for a session that is required. */
  get(request: Request, reply: Reply | null, options?: VerifySessionOptions): Awaitable<Session>

  /**
   * Verifies an access token that the app took from somewhere itself.
   *
   * The anti-CSRF check is on where `antiCsrf` is `VIA_TOKEN`, and `antiCsrfCheck: false` turns it
   * off. A token that came from a header needs none.
   *
   * @throws As {@link Sessions.get}.
   */
  verify(
    accessToken: string,
    antiCsrfToken: string | undefined,
    options: VerifySessionOptions & { readonly sessionRequired: false }
  ): Promise<SessionTokens | null>
  /** The same for a session that is required. */
  verify(
    accessToken: string,
    antiCsrfToken?: string,
    options?: VerifySessionOptions
  ): Promise<SessionTokens>

  /**
   * Exchanges the request's refresh token for new tokens and puts them on the reply.
   *
   * @param reply - `null` where `request.verifySession()` asks, which knows of none.
   * @throws {@link UnauthorisedError} No refresh token, or none of a live session.
   * @throws {@link TokenTheftDetectedError} It was rotated away; the session is revoked by then.
   * @throws {@link ClearDuplicateSessionCookiesError} Cookies of an older domain were in the way.
   * @throws {@link StoreUnavailableError} (503) The store failed; the client keeps its tokens.
   */
  refresh(request: Request, reply: Reply | null): Promise<Session>

  /**
   * Exchanges a refresh token that the app took from somewhere itself.
   * @throws As {@link Sessions.refresh}.
   */
  rotate(
    refreshToken: string,
    options?: { readonly antiCsrfToken?: string; readonly disableAntiCsrf?: boolean }
  ): Promise<SessionTokens>

  /**
   * Ends a session. Its access tokens are refused by this process at once, by others within
   * `revocationInterval`. @returns Whether it existed.
   */
  revoke(handle: string): Promise<boolean>
  /** Ends sessions. @returns The handles that existed. */
  revokeMany(handles: readonly string[]): Promise<string[]>
  /** Ends all sessions of a user, in one tenant or in all. @returns Their handles. */
  revokeAll(userId: string, options?: { readonly tenantId?: string }): Promise<string[]>
  /** Handles of a user's live sessions, in one tenant or in all; those that end first in front. */
  list(userId: string, options?: { readonly tenantId?: string }): Promise<string[]>
  /** What the store knows of a session; `null` where it is gone or expired. */
  info(handle: string): Promise<SessionInformation | null>
  /** Replaces a session's data. @returns `false` where the session is gone. */
  updateData(handle: string, data: JsonInput<SessionData>): Promise<boolean>
  /**
   * Merges custom claims: at the root, `null` removes. The client sees them with its next refresh.
   * @returns `false` where the session is gone.
   * @throws TypeError `update` names a claim of the protocol, such as `sub`, or the access token would
   * not fit its cookie.
   */
  mergePayload(handle: string, update: ClaimsUpdate): Promise<boolean>

  /** Fetches a claim and sets it. @returns `false` where the session is gone. */
  fetchClaim(handle: string, claim: Claim<unknown>): Promise<boolean>
  /** Sets a claim. @returns `false` where the session is gone. */
  setClaim<T>(handle: string, claim: Claim<T>, value: T): Promise<boolean>
  /** The value of a claim in the store. */
  getClaim<T>(handle: string, claim: Claim<T>): Promise<ClaimResult<T>>
  /** Takes a claim out. @returns `false` where the session is gone. */
  removeClaim(handle: string, claim: Claim<unknown>): Promise<boolean>
  /** Runs claim validators on the claims in the store, and keeps what had to be fetched anew. */
  validateClaims(
    handle: string,
    override?: (
      globalValidators: readonly ClaimValidator[],
      information: SessionInformation
    ) => Awaitable<readonly ClaimValidator[]>
  ): Promise<ClaimsValidationResult>

  /** A user's live sessions, the one that was refreshed last in front. */
  devices(userId: string, options?: { readonly tenantId?: string }): Promise<SessionInformation[]>

  /**
   * Signs a JWT (RFC 7519) with the keys that sign access tokens, for other services to verify with
   * the JWKS. It is no access token: it never passes for a session.
   *
   * @param payload - Members win over the `iat`, `exp` and `iss` that are put in.
   * @param options.validitySeconds - Default 3,153,600,000: a hundred years.
   * @param options.useStaticSigningKey - Default `true`: a key that is never rotated.
   */
  createJWT(
    payload?: object,
    options?: { readonly validitySeconds?: number; readonly useStaticSigningKey?: boolean }
  ): Promise<string>
  /**
   * Adds a signing key before its time. What the former ones have signed stays good until it expires.
   *
   * @param options.revoke - For a key that has leaked: the former ones verify nothing any more, in
   *   this process at once, in others within `revocationInterval`. Each client refreshes once; what
   *   `createJWT` has signed is void. Sessions live on. @defaultValue false
   */
  rotateKeys(options?: { readonly revoke?: boolean }): Promise<void>
  /** The public keys of access tokens (RFC 7517), and for how long they may be cached. */
  jwks(): Promise<{ keys: readonly PublicJwk[]; maxAgeSeconds: number }>
  /** Where a verifier finds issuer and keys (OpenID Connect Discovery 1.0 section 3). */
  discovery(): {
    readonly issuer: string
    readonly jwks_uri: string
    readonly [name: string]: unknown
  }
}

/**
 * A hook for `onRequest`, `preParsing`, `preValidation` or `preHandler`.
 *
 * Sets the request's session, or passes on a {@link SessionError}. Skips no method; lets requests
 * through that no route matched. On a POST to the path of the refresh route, which an app may have
 * switched off to put its own there, the session is refreshed and not verified.
 */
export interface VerifySessionHook {
  (request: AnyRequest, reply: AnyReply, done: (error?: Error) => void): void
  (request: AnyRequest, reply: AnyReply, payload: unknown, done: (error?: Error) => void): void
}

/** Whose claim is to be fetched. */
export interface ClaimSubject {
  readonly userId: string
  readonly recipeUserId: string
  readonly tenantId: string
}

/** What a validator may look at besides the payload. */
export interface ClaimContext {
  /** The time, milliseconds since the epoch. */
  readonly nowMs: number
}

/** What a validator says of a session; its `reason` is told to the client. */
export type ClaimValidation =
  | { readonly isValid: true }
  | { readonly isValid: false; readonly reason?: unknown }

/** A fact about a session that a route may ask for. */
export type ClaimValidator = {
  /** Names the validator in the 403 body. */
  readonly id: string
  /**
   * Looks at the access token's payload; by handle, at the custom claims in the store.
   * `reason` is sent to the client.
   */
  validate(payload: ClaimsPayload, context: ClaimContext): Awaitable<ClaimValidation>
} & (
  | { readonly claim?: undefined; readonly shouldRefetch?: undefined }
  | {
      /** The claim that is fetched anew before validation, where `shouldRefetch` says so. */
      readonly claim: Claim<unknown>
      /** Whether the claim is to be fetched anew before this validator runs. */
      shouldRefetch(payload: ClaimsPayload, context: ClaimContext): Awaitable<boolean>
    }
)

/** A named fact in the access token, and where it comes from. */
export interface Claim<T> {
  /** Its name in the payload: `payload[key] = { v: value, t: when it was fetched }`. */
  readonly key: string
  /** Asks for the value; `undefined` leaves the claim as it is. */
  fetchValue(subject: ClaimSubject, payload: ClaimsPayload): Awaitable<T | undefined>
  /** The payload members of a value. */
  toPayload(value: T, nowMs: number): JsonObject
  /** The value in a payload, `undefined` where there is none. */
  valueIn(payload: JsonObject): T | undefined
  /** When the value was fetched or set, milliseconds since the epoch. */
  fetchedAt(payload: JsonObject): number | undefined
}

/** The claim validators of a route, given the global ones and the session. */
export type OverrideGlobalClaimValidators = (
  globalValidators: readonly ClaimValidator[],
  session: Session
) => Awaitable<readonly ClaimValidator[]>
