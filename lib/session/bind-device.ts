import { randomUUID } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  CHALLENGE_HEADER,
  type Dbsc,
  endInstructions,
  PROOF_HEADER,
  SESSION_ID_HEADER
} from '../device-binding/dbsc.ts'
import { type DeviceKey, readDeviceKey } from '../device-binding/device-key.ts'
import { UnauthorisedError } from '../errors/session-errors.ts'
import type { SessionRecord } from '../stores/store.ts'
import { parseCookies } from '../transport/cookie-format.ts'
import { readHeader } from '../transport/token-headers.ts'
import type { SessionContext } from './context.ts'
import { publish } from './events.ts'
import { remintAccessToken } from './issue-tokens.ts'
import { bindingOf, isHandle, type StoredBinding, type StoredDevice } from './records.ts'
import type { AccessToken } from './types.ts'

type Context = Omit<SessionContext, 'sessions'>

/**
 * Binds the session of a request to the key that its browser proves (DBSC, session registration).
 * A session is bound once: a second key, or the same proof again, is refused.
 *
 * @throws {@link UnauthorisedError} No session, no good proof, or the session is bound already.
 */
export async function registerDevice(
  context: Context,
  dbsc: Dbsc,
  request: FastifyRequest
): Promise<Record<string, unknown>> {
  const { clock, records, sameSite, tokenReply } = context
  const token = await tokenOf(context, request)
  const { sessionHandle: handle } = token.payload
  const key = dbsc.readRegistration(readHeader(request, PROOF_HEADER) ?? '', handle, clock.now())
  if (typeof key === 'string') throw refused('proof', `the proof is refused: ${key}`)
  const binding = bindingTo(key)
  const { record, decision, nowMs } = await records.change(handle, (found) => {
    const known = bindingOf(found)
    if (known === undefined) return { decision: 'bound', next: withBinding(found, binding) }
    // Our own, where the store has taken it and its answer was lost: the key would be lost, too.
    return { decision: isSameBinding(known, binding) ? 'bound' : 'taken', next: found }
  })
  if (record === null) throw refused('ended', 'the session is gone or expired')
  if (decision === 'taken') throw refused('proof', 'the session is bound already')
  const { userId } = record
  publish({ kind: 'bound', method: 'dbsc', sessionHandle: handle, userId, request })
  const bound = await remintAccessToken(context, record, token.payload, nowMs)
  tokenReply.renew(request, bound, 'cookie')
  tokenReply.bind(request, { handle, jkt: key.jkt })
  return dbsc.instructions(handle, sameSite(request))
}

/**
 * Gives the browser of a bound session its next bound cookie (DBSC, session refresh): for a proof
 * over our challenge, and without one the challenge. Where the session is gone the browser is told
 * to stop.
 *
 * @throws {@link UnauthorisedError} The proof is not of the session's key.
 */
export async function refreshDevice(
  context: Context,
  dbsc: Dbsc,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<Record<string, unknown>> {
  const { clock, records, sameSite, tokenReply } = context
  const handle = readHeader(request, SESSION_ID_HEADER)?.replace(/^"(.*)"$/, '$1')
  if (handle === undefined || !isHandle(handle))
    throw refused('no-token', `the header ${SESSION_ID_HEADER} names no session`)
  const proof = readHeader(request, PROOF_HEADER)
  if (proof === undefined) return askForProof(dbsc, handle, reply, clock.now())
  const record = await records.find(handle)
  const binding = record === null ? undefined : bindingOf(record)
  if (binding?.method !== 'dbsc') return endInstructions(handle)
  // A key that was taken once.
  const key = readDeviceKey(binding.jwk, binding.algorithm) as DeviceKey
  const answer = dbsc.readRefresh(proof, handle, key, clock.now())
  if (answer === 'challenge') return askForProof(dbsc, handle, reply, clock.now())
  if (typeof answer === 'string') throw refused('proof', `the proof is refused: ${answer}`)
  const { decision, nowMs } = await records.change(handle, (found) =>
    binding.answeredAt < answer && isSameBinding(bindingOf(found), binding)
      ? { decision: 'first', next: withBinding(found, { ...binding, answeredAt: answer }) }
      : { decision: 'again', next: found }
  )
  if (decision === null) return endInstructions(handle)
  // The browser signs a new challenge, which whoever replays an old proof cannot. A clock that was
  // set back would date it before the one that was answered.
  if (decision === 'again')
    return askForProof(dbsc, handle, reply, Math.max(nowMs, binding.answeredAt + 1))
  tokenReply.bind(request, { handle, jkt: binding.jkt })
  // For the next time, which then takes one request. Newer than the one that was answered.
  const issuedAt = Math.max(nowMs, answer + 1)
  reply.header(CHALLENGE_HEADER, dbsc.challengeHeader(handle, issuedAt))
  return dbsc.instructions(handle, sameSite(request))
}

/** The session is the one of the access cookie, whose challenge has to be answered. */
async function tokenOf(
  { settings, accessTokens, clock }: Context,
  request: FastifyRequest
): Promise<AccessToken> {
  const { names } = settings.cookies
  const { accessToken, moreAccessTokens } = parseCookies(names, request.headers.cookie)
  for (const text of [accessToken, ...moreAccessTokens]) {
    const token = text && (await accessTokens.verify(text, clock.now()))
    if (typeof token === 'object') return token
  }
  throw refused('no-token', 'the access token of the session is missing or no longer good')
}

function bindingTo({ algorithm, jwk, jkt }: DeviceKey): StoredBinding {
  return { method: 'dbsc', jkt, algorithm, jwk, answeredAt: 0, registration: randomUUID() }
}

function isSameBinding(found: StoredBinding | undefined, known: StoredBinding): boolean {
  return JSON.stringify(found) === JSON.stringify(known)
}

function withBinding(record: SessionRecord, binding: StoredBinding): SessionRecord {
  const device: StoredDevice = { ...JSON.parse(record.device), binding }
  return { ...record, device: JSON.stringify(device) }
}

/** Browsers sign the challenge of a 403, and no other status. */
function askForProof(
  dbsc: Dbsc,
  handle: string,
  reply: FastifyReply,
  nowMs: number
): Record<string, unknown> {
  reply.code(403).header('cache-control', 'no-store')
  reply.header(CHALLENGE_HEADER, dbsc.challengeHeader(handle, nowMs))
  return { message: 'sign the challenge' }
}

function refused(reason: 'proof' | 'ended' | 'no-token', message: string): UnauthorisedError {
  return new UnauthorisedError(message, { clearTokens: false, reason })
}
