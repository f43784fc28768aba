import type { FastifyRequest } from 'fastify'
import type { SessionRecord } from '../stores/store.ts'
import { parseCookies } from '../transport/cookie-format.ts'
import { methodForNewSession, otherMethod, readHeaderToken } from '../transport/token-headers.ts'
import { foreignOriginOf, withAntiCsrfToken } from './anti-csrf.ts'
import { bindingOfLogin, isOfDevice } from './check-device.ts'
import { mergeClaims, newClaims } from './claims/custom-claims.ts'
import type { SessionContext } from './context.ts'
import { publish } from './events.ts'
import { endOfSession, issueTokens, refuseDroppedCookie, type TokenPair } from './issue-tokens.ts'
import {
  createdAtOf,
  isStorable,
  MAX_USER_ID_BYTES,
  newHandle,
  type StoredDevice
} from './records.ts'
import { startRotation } from './rotation.ts'
import { sessionTokens, VerifiedSession } from './session.ts'
import type {
  JsonObject,
  NewSession,
  Session,
  SessionDevice,
  Sessions,
  SessionTokens,
  TransferMethod
} from './types.ts'

/** Longer ones are cut: they come from the client, and are kept with every session. */
const MAX_USER_AGENT_LENGTH = 512
/** As in SuperTokens' core. The tenant is a part of every token. */
const MAX_TENANT_ID_LENGTH = 64

/** Creates a session and stages its tokens for the reply. */
export async function createSession(
  context: SessionContext,
  request: FastifyRequest,
  input: Parameters<Sessions['create']>[2]
): Promise<Session> {
  context.tokenReply.checkScope(request)
  const method = methodForNewSession(context, request, input.transferMethod)
  const withAntiCsrf = withAntiCsrfToken(context, method)
  const binding = await bindingOfLogin(context, request, method)
  const device = {
    ...deviceOf(context, request),
    transferMethod: method,
    ...(binding !== undefined && { binding })
  }
  const tokens = await newSession(context, input, withAntiCsrf, device)
  const other = otherMethod(method)
  // New cookies take the place of those of before, also after a redirect from elsewhere. Header tokens,
  // which a form of another page is given, log its visitor out of nothing.
  const replacesOld = method === 'cookie' || foreignOriginOf(context, request) === null
  // First: a login that fails here must not bring the client tokens all the same.
  if (replacesOld && input.keepOldSession !== true)
    await endOldSession(context, request, binding?.jkt)
  // Of two sessions in one client, the one that was not just made would win somewhere.
  if (replacesOld && hasAccessToken(context, request, other))
    context.tokenReply.clear(request, other)
  context.tokenReply.issue(request, tokens, method)
  const session = new VerifiedSession(context, tokens.accessToken, method, request)
  const of = { sessionHandle: session.handle, userId: session.userId, request }
  publish({ kind: 'created', ...of })
  if (binding !== undefined) publish({ kind: 'bound', method: binding.method, ...of })
  return session
}

/**
 * Ends the session whose access token came with a login, if it is good. One that is bound to a device
 * ends only if the device is this one: else whoever has copied its token could end it.
 *
 * @param jkt - The key that the login has proved.
 */
async function endOldSession(
  context: SessionContext,
  request: FastifyRequest,
  jkt: string | undefined
): Promise<void> {
  const { names } = context.settings.cookies
  const { accessToken, moreAccessTokens } = parseCookies(names, request.headers.cookie)
  for (const text of [
    readHeaderToken(context.settings, request),
    accessToken,
    ...moreAccessTokens
  ]) {
    const old = text && (await context.accessTokens.verify(text, context.clock.now()))
    if (typeof old === 'object' && isOfDevice(context, old.payload, jkt, request))
      await context.sessions.revoke(old.payload.sessionHandle)
  }
}

/** Creates a session without a request. */
export async function issueSession(
  context: SessionContext,
  input: NewSession & { readonly disableAntiCsrf?: boolean }
): Promise<SessionTokens> {
  const { antiCsrf } = context.settings
  const withAntiCsrf = antiCsrf === 'VIA_TOKEN' && input.disableAntiCsrf !== true
  const { accessToken, refreshToken } = await newSession(context, input, withAntiCsrf, {})
  const { sessionHandle, sub: userId } = accessToken.payload
  publish({ kind: 'created', sessionHandle, userId, request: null })
  return sessionTokens(context, accessToken, refreshToken.text)
}

async function newSession(
  context: SessionContext,
  input: NewSession,
  withAntiCsrf: boolean,
  device: StoredDevice
): Promise<TokenPair> {
  const { clock, settings, refreshTokens, revocations, store } = context
  const { userId, tenantId, accessTokenPayload, sessionData } = checkNewSession(input)
  const payload = await claimsOf(context, { userId, tenantId }, accessTokenPayload)
  await clock.sync()
  const nowMs = clock.now()
  // Also on a clock that was set back since: else the new session would count as one of the revoked.
  const handle = newHandle(tenantId, Math.max(nowMs, revocations.createdBeforeOf(userId)))
  const refreshToken = refreshTokens.issueFirst(handle, { withAntiCsrf })
  const record: SessionRecord = {
    handle,
    userId,
    createdAt: nowMs,
    expiresAt: endOfSession(settings, nowMs, nowMs),
    sessionData,
    payload: JSON.stringify(payload),
    device: JSON.stringify(device),
    keyKind: settings.keyKind,
    rotation: startRotation(refreshToken.hash),
    revision: 0
  }
  refuseDroppedCookie(context, record)
  // Issued first: where no key can sign, nothing is left behind in the store.
  const tokens = await issueTokens(context, record, refreshToken, nowMs)
  await store.insert(record)
  await endSurplus(context, userId, handle)
  return tokens
}

/** What a new access token carries: the app's claims, those that are fetched, and the issuer's. */
async function claimsOf(
  { settings, clock }: SessionContext,
  { userId, tenantId }: { userId: string; tenantId: string },
  custom: JsonObject
): Promise<JsonObject> {
  const subject = { userId, recipeUserId: userId, tenantId }
  let payload = newClaims(custom, settings.issuer)
  for (const claim of settings.claims) {
    const value = await claim.fetchValue(subject, payload)
    if (value !== undefined) payload = mergeClaims(payload, claim.toPayload(value, clock.now()))
  }
  return payload
}

/**
 * Those that would end first go first. Only those that were created before the one that was just made,
 * so that logins of the same moment leave the last of them. Not those that end before it: where
 * refreshTokenValidity became shorter, all of the older ones end later.
 */
async function endSurplus(
  { settings: { maxSessionsPerUser }, sessions }: SessionContext,
  userId: string,
  newest: string
): Promise<void> {
  if (maxSessionsPerUser === Number.POSITIVE_INFINITY) return
  const handles = await sessions.list(userId)
  const [createdAt, place] = [createdAtOf(newest), handles.indexOf(newest)]
  const earlier = handles.filter((handle, index) =>
    createdAtOf(handle) === createdAt ? index < place : !(createdAtOf(handle) > createdAt)
  )
  const surplus = earlier.slice(0, Math.max(0, earlier.length + 1 - maxSessionsPerUser))
  if (surplus.length > 0) await sessions.revokeMany(surplus)
}

function deviceOf({ settings }: SessionContext, request: FastifyRequest): SessionDevice {
  const userAgent = request.headers['user-agent']?.slice(0, MAX_USER_AGENT_LENGTH)
  return {
    ...(userAgent !== undefined && { userAgent }),
    ...(settings.recordAddress && { address: request.ip })
  }
}

function hasAccessToken(
  { settings }: SessionContext,
  request: FastifyRequest,
  method: TransferMethod
): boolean {
  return method === 'header'
    ? readHeaderToken(settings, request) !== undefined
    : parseCookies(settings.cookies.names, request.headers.cookie).accessToken !== undefined
}

/**
 * Checks what the app wants a session to start with, and fills in the defaults.
 *
 * @throws TypeError Names the field and what it has to be.
 */
function checkNewSession(input: NewSession): {
  readonly userId: string
  readonly tenantId: string
  readonly accessTokenPayload: JsonObject
  readonly sessionData: string
} {
  const { userId, tenantId = 'public' } = input
  if (typeof userId !== 'string' || userId === '' || bytesInJson(userId) > MAX_USER_ID_BYTES)
    throw new TypeError(`userId must be a string of 1 to ${MAX_USER_ID_BYTES} bytes in JSON`)
  if (!isStorable(userId))
    throw new TypeError('userId must be well-formed text without NUL: stores cannot keep others')
  // The tenant stands in the handle behind an underscore, which it therefore has none of.
  if (
    typeof tenantId !== 'string' ||
    !/^[A-Za-z0-9-]+$/.test(tenantId) ||
    tenantId.length > MAX_TENANT_ID_LENGTH
  )
    throw new TypeError(
      `tenantId must be a string of 1 to ${MAX_TENANT_ID_LENGTH} letters, digits and hyphens`
    )
  return {
    userId,
    tenantId,
    accessTokenPayload: objectOrEmpty('accessTokenPayload', input.accessTokenPayload),
    sessionData: sessionDataText(input.sessionData)
  }
}

/**
 * The data of a session as it is stored.
 *
 * @throws TypeError It is something else than an object, or JSON makes something else of it.
 */
export function sessionDataText(data: object | undefined | null): string {
  const text = JSON.stringify(objectOrEmpty('sessionData', data)) as string | undefined
  if (text?.startsWith('{') === true) return text
  throw new TypeError('sessionData must be an object in JSON as well')
}

/** @throws TypeError It is something else than an object. */
function objectOrEmpty(name: string, value: object | undefined | null): JsonObject {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new TypeError(`${name} must be an object`)
  return value as JsonObject
}

function bytesInJson(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - '""'.length
}
