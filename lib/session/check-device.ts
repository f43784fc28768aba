import type { FastifyRequest } from 'fastify'
import type { DpopProofs } from '../device-binding/dpop.ts'
import {
  InvalidClaimsError,
  type SessionErrorInit,
  TryRefreshTokenError,
  UnauthorisedError
} from '../errors/session-errors.ts'
import type { SessionRecord } from '../stores/store.ts'
import { isDpopScheme } from '../transport/token-headers.ts'
import type { SessionContext, VerifyContext } from './context.ts'
import { acceptProof, claimProof, refusedProof, useProof } from './dpop-proof.ts'
import { bindingOf, type StoredBinding } from './records.ts'
import type {
  AccessToken,
  AccessTokenPayload,
  TransferMethod,
  VerifySessionOptions
} from './types.ts'

type Context = Pick<VerifyContext, 'settings' | 'clock' | 'dbsc' | 'dpop'>

/** For `verifySession({ deviceBound: true })`: a 403 names it as it names a claim. */
const UNBOUND = [{ id: 'deviceBound', reason: { message: 'the session is not bound to a device' } }]

/**
 * Binds a session that is about to be created in headers, where its client proves a key.
 *
 * @throws {@link UnauthorisedError} The proof is refused.
 */
export async function bindingOfLogin(
  context: Context,
  request: FastifyRequest,
  method: TransferMethod
): Promise<StoredBinding | undefined> {
  const { dpop } = context
  if (dpop === null || method !== 'header' || request.headers['dpop'] === undefined)
    return undefined
  const shown = acceptProof(context, dpop, request, { token: null, isTokenNamed: false, jkt: null })
  await claimProof(context, dpop, shown)
  return { method: 'dpop', jkt: shown.proof.jkt }
}

/**
 * Checks that an access token comes from the device that its session is bound to. Answers at once,
 * unless other processes have to be told of a proof.
 *
 * @param request - `null` where the app took the token from somewhere itself: nothing can be shown.
 * @throws {@link TryRefreshTokenError} The bound cookie is missing or of another session or key.
 * @throws {@link UnauthorisedError} The proof is missing or refused.
 * @throws {@link InvalidClaimsError} The session is not bound, and has to be.
 */
export function checkDevice(
  context: Context,
  { text, payload }: AccessToken,
  { method, request }: { method: TransferMethod; request: FastifyRequest | null },
  { deviceBound }: VerifySessionOptions
): Promise<void> | undefined {
  const jkt = payload.cnf?.jkt
  if (jkt === undefined) {
    if (deviceBound === true)
      throw new InvalidClaimsError(UNBOUND, undefined, { reason: 'unbound' })
    // RFC 9449 section 7.1: with this scheme the token has to be bound to the key.
    if (method === 'header' && context.dpop !== null && request !== null && isDpopScheme(request))
      throw refusedProof(context, context.dpop, 'other-key')
    return undefined
  }
  if (method === 'header' && request !== null && context.dpop !== null) {
    // RFC 9449 section 7.1: a bound token comes with the scheme DPoP, and is none for Bearer.
    if (!isDpopScheme(request)) throw refusedProof(context, context.dpop, 'malformed')
    return useProof(context, context.dpop, request, { token: text, isTokenNamed: true, jkt })
  }
  if (method === 'header' || request === null || !showsCookie(context, payload, jkt, request))
    throw new TryRefreshTokenError(undefined, { reason: 'device' })
  return undefined
}

/**
 * Tells other processes of the proof that a refresh of a bound session has shown. Before the session
 * changes: a refresh that somebody has copied, and sends to another process, must not end it.
 *
 * @throws {@link UnauthorisedError} The proof is refused, or was used.
 */
export async function claimRefreshProof(
  context: Context & Pick<SessionContext, 'records'>,
  dpop: DpopProofs,
  handle: string,
  text: string,
  { method, request }: { method: TransferMethod; request: FastifyRequest | null }
): Promise<void> {
  if (method !== 'header' || request === null) return
  const record = await context.records.find(handle)
  const jkt = record === null ? undefined : bindingOf(record)?.jkt
  if (jkt === undefined) return
  const shown = acceptProof(context, dpop, request, { token: text, isTokenNamed: false, jkt })
  await claimProof(context, dpop, shown)
}

/**
 * Checks that a refresh token comes from the device that its session is bound to. The session lives
 * on, and so do the client's tokens: it is its owner who would lose them.
 *
 * @throws {@link UnauthorisedError} It does not.
 */
export function checkRefreshingDevice(
  context: Context,
  record: SessionRecord,
  text: string,
  { method, request }: { method: TransferMethod; request: FastifyRequest | null }
): void {
  const jkt = bindingOf(record)?.jkt
  if (jkt === undefined) return
  if (method === 'header' && request !== null && context.dpop !== null) {
    acceptProof(context, context.dpop, request, { token: text, isTokenNamed: false, jkt })
    return
  }
  const binding = { handle: record.handle, jkt }
  if (method === 'header' || request === null || endOfCookie(context, binding, request) === null)
    throw new UnauthorisedError('the session is bound to a device that did not show itself', {
      clearTokens: false,
      reason: 'device'
    })
}

/**
 * Whether a token that came beside a login is of the device that logs in, or of none.
 *
 * @param proven - The key that the login has proved.
 */
export function isOfDevice(
  context: Context,
  payload: AccessTokenPayload,
  proven: string | undefined,
  request: FastifyRequest
): boolean {
  const jkt = payload.cnf?.jkt
  return jkt === undefined || jkt === proven || showsCookie(context, payload, jkt, request)
}

/** A token that was minted before its session was bound, or for another key. */
export function isMintedUnbound(record: SessionRecord, { cnf }: AccessTokenPayload): boolean {
  return bindingOf(record)?.jkt !== cnf?.jkt
}

/** How a client that uses the scheme DPoP is told that its token is no good (RFC 9449 section 7.1). */
export function tokenChallenge(
  { dpop }: Context,
  request: FastifyRequest | null
): Pick<SessionErrorInit, 'headers'> {
  if (dpop === null || request === null || !isDpopScheme(request)) return {}
  return { headers: { 'www-authenticate': 'DPoP error="invalid_token", algs="ES256 RS256"' } }
}

/** The bound cookie that came with an access token last: it is compared, and not computed again. */
const seenCookies = new WeakMap<AccessTokenPayload, { pair: string; endMs: number }>()

function showsCookie(
  context: Context,
  payload: AccessTokenPayload,
  jkt: string,
  request: FastifyRequest
): boolean {
  const seen = seenCookies.get(payload)
  // Wherever in the header it stands: whoever knows this text has the cookie.
  if (
    seen !== undefined &&
    context.clock.now() < seen.endMs &&
    request.headers.cookie?.includes(seen.pair) === true
  )
    return true
  const binding = { handle: payload.sessionHandle, jkt }
  const found = endOfCookie(context, binding, request)
  if (found === null) return false
  seenCookies.set(payload, found)
  return true
}

function endOfCookie(
  { dbsc, clock }: Context,
  binding: { readonly handle: string; readonly jkt: string },
  request: FastifyRequest
): { pair: string; endMs: number } | null {
  if (dbsc === null) return null
  const { cookies } = dbsc
  for (const value of cookies.valuesIn(request.headers.cookie)) {
    const endMs = cookies.endOf(value, binding, clock.now())
    if (endMs !== null) return { pair: `${cookies.name}=${value}`, endMs }
  }
  return null
}
