import type { FastifyRequest } from 'fastify'
import { type Awaitable, isPromise } from '../awaitable.ts'
import {
  InvalidClaimsError,
  SessionError,
  type SessionErrorReason,
  TryRefreshTokenError,
  UnauthorisedError
} from '../errors/session-errors.ts'
import { type Check, checkMembers, functionOf, oneOf } from '../options/checks.ts'
import type { SessionRecord } from '../stores/store.ts'
import { customClaimsOf } from '../tokens/access-token.ts'
import { NO_COOKIES, parseCookies } from '../transport/cookie-format.ts'
import { acceptedMethod, readHeaderToken } from '../transport/token-headers.ts'
import { checkAccessToken, checkCookieRequest } from './anti-csrf.ts'
import { checkDevice, isMintedUnbound, tokenChallenge } from './check-device.ts'
import {
  type ClaimsResult,
  claimSubject,
  validateClaims,
  validatorsOf
} from './claims/validate-claims.ts'
import type { SessionContext, VerifyContext } from './context.ts'
import { publish } from './events.ts'
import { endOfSession, renewAccessToken } from './issue-tokens.ts'
import { createdAtOf } from './records.ts'
import { confirmByUse } from './rotation.ts'
import { VerifiedSession } from './session.ts'
import type {
  AccessToken,
  AccessTokenPayload,
  ClaimValidator,
  Session,
  VerifySessionOptions
} from './types.ts'

const verifyOptions = {
  sessionRequired: oneOf(true, false),
  antiCsrfCheck: oneOf(true, false),
  checkDatabase: oneOf(true, false),
  deviceBound: oneOf(true, false),
  overrideGlobalClaimValidators: functionOf()
} satisfies { readonly [name in keyof VerifySessionOptions]-?: Check<unknown> }
const checkedOptions = new WeakSet<VerifySessionOptions>()

/**
 * Refuses options that would weaken a check in silence. What was checked once is not looked at again.
 *
 * @throws OptionsError A name is unknown or a value of the wrong type.
 */
export function checkVerifyOptions(options: VerifySessionOptions, path: string): void {
  if (checkedOptions.has(options)) return
  checkMembers(options, verifyOptions, path)
  checkedOptions.add(options)
}

/**
 * What signing out asks for: a good token and nothing else. Neither a claim that fails nor a session
 * that has ended keeps anybody in.
 */
export const SIGN_OUT: VerifySessionOptions = Object.freeze({
  overrideGlobalClaimValidators: () => []
})

/** How the client of a token is to be checked and served. */
export type Presentation = {
  /** The `anti-csrf` value that came along; `null` where it does not matter. */
  readonly antiCsrfToken: string | undefined | null
  readonly options: VerifySessionOptions
} & (
  | { readonly method: 'cookie'; readonly request: FastifyRequest }
  /** `null`: the app took the token from somewhere itself. */
  | { readonly method: 'header'; readonly request: FastifyRequest | null }
)

/**
 * A session, or why there is none, as a value: throwing is much of what a 401 costs. So it is where
 * clients without a good token come by all day; other refusals are thrown.
 */
export type Found<S> = S | SessionError

/** Throws what was found instead of a session, at once or as a rejection. */
export function orThrow<S>(found: Awaitable<Found<S>>): Awaitable<S> {
  if (isPromise(found)) return found.then((settled) => orThrow(settled))
  if (found instanceof SessionError) throw found
  return found
}

/** Makes the session of a token that is good so far, after the checks that are the caller's own. */
export type OpenSession<C extends VerifyContext, S> = (
  context: C,
  token: AccessToken,
  presentation: Presentation
) => Awaitable<S>

/**
 * Finds the session of a request: which token counts, whether it is good, whether the store has to
 * be asked, whether the claims fit. In this order, each step once.
 *
 * Answers at once where nothing has to wait: a known, confirmed token costs no promise.
 *
 * @throws A {@link SessionError}, at once or as a rejection, unless it is what was found.
 */
export function verifyRequest<C extends VerifyContext, S>(
  context: C,
  request: FastifyRequest,
  options: VerifySessionOptions,
  open: OpenSession<C, S>
): Awaitable<Found<S | null>> {
  const accepted = acceptedMethod(context, request)
  const bearer = accepted === 'cookie' ? undefined : readHeaderToken(context.settings, request)
  if (bearer !== undefined) {
    const token = context.accessTokens.verify(bearer, context.clock.now())
    // Something else may stand in that header, beside the session's cookies.
    if (token !== 'malformed') {
      const presentation: Presentation = { method: 'header', request, antiCsrfToken: null, options }
      return checkToken(context, token, presentation, open)
    }
  }
  const cookies =
    accepted === 'header'
      ? NO_COOKIES
      : parseCookies(context.settings.cookies.names, request.headers.cookie)
  if (cookies.accessToken === undefined)
    return noSession(options, bearer === undefined ? 'no-token' : 'malformed')
  const antiCsrfToken = checkCookieRequest(context, request, options)
  const token =
    cookies.moreAccessTokens.length === 0
      ? context.accessTokens.verify(cookies.accessToken, context.clock.now())
      : firstGood(context, [cookies.accessToken, ...cookies.moreAccessTokens])
  if (token === 'malformed') return noSession(options, token)
  const counted = cookies.hasIdRefreshToken ? onlyRefreshed(token) : token
  return checkToken(context, counted, { method: 'cookie', request, antiCsrfToken, options }, open)
}

/**
 * Finds the session of an access token that the app took from somewhere itself.
 *
 * @param antiCsrfToken - `null` where it does not matter.
 */
export function verifyText(
  context: SessionContext,
  text: string,
  antiCsrfToken: string | undefined | null,
  options: VerifySessionOptions
): Awaitable<Found<VerifiedSession | null>> {
  const token = context.accessTokens.verify(text, context.clock.now())
  if (token === 'malformed') return noSession(options, token)
  const presentation: Presentation = { method: 'header', request: null, antiCsrfToken, options }
  return checkToken(context, token, presentation, openSession)
}

/**
 * Of several cookies with one name, the one that verifies counts: a sibling domain can set more of
 * them, but none that is signed. Where none does, the refresh clears the older ones.
 */
async function firstGood(
  { accessTokens, clock }: VerifyContext,
  texts: readonly string[]
): Promise<AccessToken | SessionErrorReason> {
  for (const text of texts) {
    const token = await accessTokens.verify(text, clock.now())
    if (typeof token !== 'string') return token
  }
  return 'duplicate-cookies'
}

/**
 * A cookie of the protocol's first generation asks for one refresh, whose reply clears it. A token
 * of a session that was refreshed passes beside it: a sibling domain may have set the cookie, where
 * no reply of ours can clear it.
 */
async function onlyRefreshed(
  found: Awaitable<AccessToken | SessionErrorReason>
): Promise<AccessToken | SessionErrorReason> {
  const token = await found
  if (typeof token === 'string') return token
  const { parentRefreshTokenHash1, iat, sessionHandle } = token.payload
  // The second is of a token that was renewed when the first one was used.
  const isRefreshed = parentRefreshTokenHash1 !== null || iat * 1000 > createdAtOf(sessionHandle)
  return isRefreshed ? token : 'first-generation'
}

function noSession(
  { sessionRequired = true }: VerifySessionOptions,
  reason: SessionErrorReason
): Found<null> {
  // A refresh may be setting cookies at this very moment: they are not cleared.
  return sessionRequired ? new UnauthorisedError(undefined, { clearTokens: false, reason }) : null
}

function checkToken<C extends VerifyContext, S>(
  context: C,
  found: Awaitable<AccessToken | SessionErrorReason>,
  presentation: Presentation,
  open: OpenSession<C, S>
): Awaitable<Found<S>> {
  return found instanceof Promise
    ? found.then((token) => checkVerified(context, token, presentation, open))
    : checkVerified(context, found, presentation, open)
}

function checkVerified<C extends VerifyContext, S>(
  context: C,
  token: AccessToken | SessionErrorReason,
  presentation: Presentation,
  open: OpenSession<C, S>
): Awaitable<Found<S>> {
  if (typeof token === 'string')
    return new TryRefreshTokenError(undefined, {
      reason: token,
      ...tokenChallenge(context, presentation.request)
    })
  const { antiCsrfToken, options } = presentation
  if (antiCsrfToken !== null) checkAccessToken(token, antiCsrfToken)
  refuseRevoked(context, token.payload, options)
  return open(context, token, presentation)
}

/** The session of a good token, where the store is ours: it is asked where it has to be. */
export function openSession(
  context: SessionContext,
  token: AccessToken,
  presentation: Presentation
): Awaitable<VerifiedSession> {
  const { options } = presentation
  const checked =
    context.settings.deviceBinding === null && options.deviceBound !== true
      ? undefined
      : checkDevice(context, token, presentation, options)
  return checked === undefined
    ? openChecked(context, token, presentation)
    : openAfter(checked, context, token, presentation)
}

/** Not a function inside of the other: what that closes over is allocated for every request. */
async function openAfter(
  checked: Promise<void>,
  context: SessionContext,
  token: AccessToken,
  presentation: Presentation
): Promise<VerifiedSession> {
  await checked
  return openChecked(context, token, presentation)
}

function openChecked(
  context: SessionContext,
  token: AccessToken,
  { method, request, options }: Presentation
): Awaitable<VerifiedSession> {
  const session = new VerifiedSession(context, token, method, request)
  // Not null: the token came with a refresh, and its first use confirms that it arrived.
  if (token.payload.parentRefreshTokenHash1 !== null)
    return confirm(context, session, token, request).then(() =>
      checkClaims(context, session, options)
    )
  if (options.checkDatabase !== true) return checkClaims(context, session, options)
  const record = context.store.get(session.handle)
  // A store that answers at once keeps the whole verification free of promises.
  return isPromise(record)
    ? record.then((stored) => compare(context, session, token, stored, options))
    : compare(context, session, token, record, options)
}

/** Without a look at the store: what this process knows of revocations. */
function refuseRevoked(
  { settings, revocations }: VerifyContext,
  payload: AccessTokenPayload,
  options: VerifySessionOptions
): void {
  if (options !== SIGN_OUT && settings.revocationIntervalMs > 0 && revocations.has(payload))
    throw new UnauthorisedError(undefined, { reason: 'revoked' })
}

/** The first uses of a token that came with a refresh: they show that it reached the client. */
async function confirm(
  context: SessionContext,
  session: VerifiedSession,
  { payload }: AccessToken,
  request: FastifyRequest | null
): Promise<void> {
  const { refreshTokenHash1, parentRefreshTokenHash1 } = payload
  const used = { hash: refreshTokenHash1, parentHash: parentRefreshTokenHash1 }
  const { settings, records } = context
  const { record, decision, nowMs } = await records.change(session.handle, (found, now) => {
    const step = confirmByUse(found.rotation, used, now)
    if (step.outcome !== 'confirmed') return { decision: step.outcome, next: found }
    const expiresAt = endOfSession(settings, now, found.createdAt)
    return { decision: step.outcome, next: { ...found, rotation: step.next, expiresAt } }
  })
  if (record === null) throw new UnauthorisedError(undefined, { reason: 'ended' })
  if (decision === 'stale') throw new TryRefreshTokenError(undefined, { reason: 'stale' })
  refuseUnbound(context, record, payload)
  if (decision === 'confirmed') {
    const { handle: sessionHandle, userId } = session
    publish({ kind: 'confirmed', sessionHandle, userId, request })
  }
  // Before the claims are checked: a 403 brings the client its new token all the same.
  session.renew(await renewAccessToken(context, record, payload, nowMs))
}

/** A confirmed token against its record: gone, or with claims that changed since. */
function compare(
  context: SessionContext,
  session: VerifiedSession,
  token: AccessToken,
  record: SessionRecord | null,
  options: VerifySessionOptions
): Awaitable<VerifiedSession> {
  const nowMs = context.clock.now()
  if (record === null || record.expiresAt <= nowMs)
    throw new UnauthorisedError(undefined, { reason: 'ended' })
  refuseUnbound(context, record, token.payload)
  if (claimsTextOf(token.payload) === record.payload) return checkClaims(context, session, options)
  return renewAccessToken(context, record, token.payload, nowMs).then((renewed) => {
    session.renew(renewed)
    return checkClaims(context, session, options)
  })
}

/** Where the store was asked anyway, a token from before the binding ends at once. */
function refuseUnbound(
  { settings }: SessionContext,
  record: SessionRecord,
  payload: AccessTokenPayload
): void {
  if (settings.deviceBinding !== null && isMintedUnbound(record, payload))
    throw new TryRefreshTokenError(undefined, { reason: 'device' })
}

/** As records keep them. Making one costs more than the rest of a check against the database. */
const claimsTexts = new WeakMap<AccessTokenPayload, string>()

function claimsTextOf(payload: AccessTokenPayload): string {
  let text = claimsTexts.get(payload)
  if (text === undefined) {
    text = JSON.stringify(customClaimsOf(payload))
    claimsTexts.set(payload, text)
  }
  return text
}

/** @throws {@link InvalidClaimsError} At once or as a rejection: a validator did not pass. */
export function checkClaims<S extends Session>(
  context: VerifyContext,
  session: S,
  options: VerifySessionOptions
): Awaitable<S> {
  const { globalClaimValidators } = context.settings
  const override = options.overrideGlobalClaimValidators
  if (override === undefined && typeof globalClaimValidators !== 'function')
    return checkEach(context, session, globalClaimValidators)
  const validators = validatorsOf(globalClaimValidators, session, override)
  return isPromise(validators)
    ? validators.then((list) => checkEach(context, session, list))
    : checkEach(context, session, validators)
}

function checkEach<S extends Session>(
  context: VerifyContext,
  session: S,
  validators: readonly ClaimValidator[]
): Awaitable<S> {
  if (validators.length === 0) return session
  const { payload } = session
  const result = validateClaims(validators, claimSubject(payload), payload, context.clock.now())
  return isPromise(result) ? result.then((found) => admit(session, found)) : admit(session, result)
}

function admit<S extends Session>(session: S, { failures, update }: ClaimsResult): Awaitable<S> {
  // What was fetched anew is kept where it can be, whether or not it satisfies.
  if (update !== null && session instanceof VerifiedSession)
    return session.mergePayload(update).then(() => admit(session, { failures, update: null }))
  if (failures.length > 0) throw new InvalidClaimsError(failures)
  return session
}
