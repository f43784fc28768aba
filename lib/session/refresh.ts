import type { FastifyRequest } from 'fastify'
import { HTTPException } from '../errors/http-exception.ts'
import {
  ClearDuplicateSessionCookiesError,
  TokenTheftDetectedError,
  UnauthorisedError
} from '../errors/session-errors.ts'
import type { SessionRecord } from '../stores/store.ts'
import { claimedSession } from '../tokens/access-token.ts'
import { claimedHandle, type RefreshToken } from '../tokens/refresh-token.ts'
import { parseCookies, type ReceivedCookies, valuesOf } from '../transport/cookie-format.ts'
import {
  ANTI_CSRF,
  acceptedMethod,
  otherMethod,
  readHeader,
  readHeaderToken
} from '../transport/token-headers.ts'
import {
  checkCookieRefresh,
  checkRefreshToken,
  refuseForeignOrigin,
  withAntiCsrfToken
} from './anti-csrf.ts'
import { checkRefreshingDevice, claimRefreshProof } from './check-device.ts'
import type { SessionContext } from './context.ts'
import { publish } from './events.ts'
import { endOfSession, issueAccessToken, issueTokens } from './issue-tokens.ts'
import { revokeSessions } from './revoke.ts'
import { type Child, type RotationStep, rotate } from './rotation.ts'
import { sessionTokens, VerifiedSession } from './session.ts'
import type { IssuedTokens, Session, SessionTokens, TokenType, TransferMethod } from './types.ts'

interface ChosenRefreshToken {
  readonly text: string
  readonly method: TransferMethod
  readonly cameBothWays: boolean
}

/** Exchanges the refresh token of a request and stages the new tokens for the reply. */
export async function refreshRequest(
  context: SessionContext,
  request: FastifyRequest
): Promise<Session> {
  const { tokenReply } = context
  tokenReply.checkScope(request)
  const { text, method, cameBothWays } = await chooseRefreshToken(context, request)
  const tokens = await exchange(context, text, {
    withAntiCsrf: withAntiCsrfToken(context, method),
    antiCsrfToken: readHeader(request, ANTI_CSRF),
    client: { method, request }
  })
  // Only the tokens that were just renewed stay with the client.
  if (cameBothWays) tokenReply.clear(request, otherMethod(method))
  tokenReply.issue(request, tokens, method)
  return new VerifiedSession(context, tokens.accessToken, method, request)
}

/** Exchanges a refresh token that the app took from somewhere itself. */
export async function rotateToken(
  context: SessionContext,
  refreshToken: string,
  options: { readonly antiCsrfToken?: string; readonly disableAntiCsrf?: boolean }
): Promise<SessionTokens> {
  const withAntiCsrf = context.settings.antiCsrf === 'VIA_TOKEN' && options.disableAntiCsrf !== true
  const { antiCsrfToken } = options
  const tokens = await exchange(context, refreshToken, {
    withAntiCsrf,
    antiCsrfToken,
    client: { method: 'header', request: null }
  })
  // An app that stores whatever it gets has something to store, whether or not it is new.
  const kept = tokens.refreshToken?.text ?? refreshToken
  return sessionTokens(context, tokens.accessToken, kept)
}

/** Which refresh token of the request counts: the header's before the cookie's. */
async function chooseRefreshToken(
  context: SessionContext,
  request: FastifyRequest
): Promise<ChosenRefreshToken> {
  const accepted = acceptedMethod(context, request)
  const bearer = readHeaderToken(context.settings, request)
  // Also without a cookie: the reply to a request that has no session clears the client's tokens.
  if (bearer === undefined || accepted === 'cookie') refuseForeignOrigin(context, request)
  const cookies = cookiesOf(context, request)
  if (accepted !== 'header') await refuseDuplicates(context, request, cookies)
  const { refreshToken: cookie } = cookies
  const cameBothWays = bearer !== undefined && cookie !== undefined
  if (bearer !== undefined && accepted !== 'cookie')
    return { text: bearer, method: 'header', cameBothWays }
  if (cookie === undefined || accepted === 'header')
    throw new UnauthorisedError('there is no refresh token', { reason: 'no-token' })
  checkCookieRefresh(context, request)
  const text = await firstUsable(context, [cookie, ...cookies.moreRefreshTokens])
  return { text, method: 'cookie', cameBothWays }
}

/**
 * The cookies of a request. Where the access cookie is `__Host-` only this host can have set it, and a
 * refresh cookie, which has a path and cannot be, counts if it is of the same session. Else a sibling
 * domain could put a visitor into a session of its own.
 */
function cookiesOf({ settings }: SessionContext, request: FastifyRequest): ReceivedCookies {
  const { names } = settings.cookies
  const { cookie: header } = request.headers
  const cookies = parseCookies(names, header)
  if (header === undefined || !names.access.startsWith('__Host-')) return cookies
  const handle = cookies.accessToken && claimedSession(cookies.accessToken)
  const [refreshToken, ...moreRefreshTokens] = handle
    ? valuesOf(names.refresh, header).filter((text) => claimedHandle(text) === handle)
    : []
  return { ...cookies, refreshToken, moreRefreshTokens }
}

/**
 * Two cookies of one name are left behind by a `cookieDomain` that was changed. What a sibling domain
 * sets is none of a session, and is passed over.
 */
async function refuseDuplicates(
  context: SessionContext,
  request: FastifyRequest,
  { accessToken, moreAccessTokens, refreshToken, moreRefreshTokens }: ReceivedCookies
): Promise<void> {
  const { settings, tokenReply, accessTokens, refreshTokens, clock } = context
  const duplicates: TokenType[] = []
  if (moreAccessTokens.length > 0) duplicates.push('access')
  if (moreRefreshTokens.length > 0) duplicates.push('refresh')
  if (duplicates.length === 0) return
  if (settings.cookies.olderDomain !== undefined) {
    tokenReply.clearOlder(request, duplicates)
    throw new ClearDuplicateSessionCookiesError()
  }
  const isText = (text: string | undefined) => text !== undefined
  const handles: string[] = []
  for (const text of [accessToken, ...moreAccessTokens].filter(isText)) {
    const token = await accessTokens.verify(text, clock.now())
    if (typeof token !== 'string') handles.push(token.payload.sessionHandle)
  }
  if (hasTwice(handles)) throw duplicateCookies()
  const presented = [refreshToken, ...moreRefreshTokens]
    .filter(isText)
    .map((text) => refreshTokens.read(text))
  if (hasTwice(presented.flatMap((token) => token?.handle ?? []))) throw duplicateCookies()
}

function hasTwice(handles: readonly string[]): boolean {
  return new Set(handles).size < handles.length
}

/** As the protocol has it: the front end shows nothing of it, so that somebody sees it. */
function duplicateCookies(): HTTPException {
  return new HTTPException(
    500,
    'The request contains multiple session cookies. Set olderCookieDomain to the cookieDomain that was used before, so that its cookies are cleared.'
  )
}

/**
 * Of several cookies with one name, the one that can be exchanged counts: a sibling domain can set more
 * of them, which is no theft.
 */
async function firstUsable(
  context: SessionContext,
  [first = '', ...others]: readonly string[]
): Promise<string> {
  if (others.length === 0) return first
  const { refreshTokens, records, clock } = context
  for (const text of [first, ...others]) {
    const presented = refreshTokens.read(text)
    if (presented === null) continue
    const nowMs = clock.now()
    const record = await records.find(presented.handle, nowMs)
    if (record === null) continue
    const { stepAt } = exchangeOf(context, presented, withAntiCsrfToken(context, 'cookie'))
    if (stepAt(record, nowMs).outcome !== 'theft') return text
  }
  throw new UnauthorisedError('none of several refresh cookies is of a live session', {
    reason: 'duplicate-cookies'
  })
}

/** Exchanges a refresh token. Theft revokes the session before it is reported. */
async function exchange(
  context: SessionContext,
  text: string,
  {
    withAntiCsrf,
    antiCsrfToken,
    client
  }: {
    withAntiCsrf: boolean
    antiCsrfToken: string | undefined
    client: { method: TransferMethod; request: FastifyRequest | null }
  }
): Promise<IssuedTokens> {
  const { settings, records } = context
  const presented = await readRefreshToken(context, text)
  if (presented === null)
    throw new UnauthorisedError('the refresh token is not one of ours', { reason: 'refresh-token' })
  if (withAntiCsrf) checkRefreshToken(presented, antiCsrfToken)
  if (context.dpop !== null)
    await claimRefreshProof(context, context.dpop, presented.handle, text, client)
  const { issueChild, stepAt } = exchangeOf(context, presented, withAntiCsrf)
  const { record, decision, nowMs } = await records.change(presented.handle, (found, now) => {
    // First: a thief without the device must not end the session, nor take part in its rotation.
    if (settings.deviceBinding !== null) checkRefreshingDevice(context, found, text, client)
    const step = stepAt(found, now)
    return { decision: step, next: afterRefresh(context, found, step, now) }
  })
  if (record === null)
    throw new UnauthorisedError('the session is gone or expired', { reason: 'ended' })
  const { handle: sessionHandle, userId } = record
  if (decision.outcome === 'theft') {
    await revokeSessions(context, [record.handle])
    publish({ kind: 'theft', sessionHandle, userId, request: client.request })
    throw new TokenTheftDetectedError({ sessionHandle, userId, recipeUserId: userId })
  }
  publish({ kind: 'refreshed', sessionHandle, userId, request: client.request })
  context.exchanges.note(presented.hash, record, client.request)
  // Without a refresh token where the client is to keep the one it has.
  if (decision.outcome === 'kept')
    return { accessToken: await issueAccessToken(context, record, presented, nowMs) }
  return issueTokens(context, record, issueChild(decision.child), nowMs)
}

/** Whose key is unknown here may have been issued by a process that added one to the store. */
async function readRefreshToken(
  { settings, refreshTokens, keyRing, clock }: SessionContext,
  text: string
): Promise<RefreshToken | null> {
  const known = refreshTokens.read(text)
  if (known !== null || settings.secrets.length > 0) return known
  await keyRing.reread(clock.now())
  return refreshTokens.read(text)
}

/** What a refresh token can be exchanged for. */
function exchangeOf(
  { refreshTokens, settings }: SessionContext,
  presented: RefreshToken,
  withAntiCsrf: boolean
): {
  readonly issueChild: (child: Child) => RefreshToken
  /** What exchanging it comes to at a record. Changes nothing. */
  readonly stepAt: (found: SessionRecord, nowMs: number) => RotationStep
} {
  const freshNonce = refreshTokens.newNonce()
  const issueChild = (child: Child): RefreshToken =>
    refreshTokens.issueChild(presented, { ...child, withAntiCsrf })
  const stepAt = ({ rotation }: SessionRecord, nowMs: number): RotationStep =>
    rotate(rotation, presented, {
      nowMs,
      graceMs: settings.refreshGracePeriodMs,
      freshNonce,
      childHash: (nonce) => issueChild({ nonce, parentHash: presented.hash }).hash
    })
  return { issueChild, stepAt }
}

function afterRefresh(
  { settings }: SessionContext,
  found: SessionRecord,
  step: RotationStep,
  nowMs: number
): SessionRecord {
  if (step.outcome === 'theft') return found
  const { keyKind } = settings
  if (step.next === null && found.keyKind === keyKind) return found
  const next = { ...found, keyKind, rotation: step.next ?? found.rotation }
  if (!step.confirmed) return next
  return { ...next, expiresAt: endOfSession(settings, nowMs, found.createdAt) }
}
