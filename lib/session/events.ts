import { channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'

/** A session, and the request that it came with; `null` where the app moved the tokens itself. */
interface OfSession {
  readonly sessionHandle: string
  readonly userId: string
  readonly request: FastifyRequest | null
}

/** A login. */
export interface SessionCreatedMessage extends OfSession {
  readonly kind: 'created'
}

/** A refresh token was exchanged, or good while another exchange settled. */
export interface SessionRefreshedMessage extends OfSession {
  readonly kind: 'refreshed'
}

/** The first use of an access token that came with a refresh. */
export interface SessionConfirmedMessage extends OfSession {
  readonly kind: 'confirmed'
}

/** A refresh token was exchanged that this process has exchanged before. */
export interface SessionReusedMessage extends OfSession {
  readonly kind: 'reused'
  /** How often this process has exchanged it, this time included: from 2. */
  readonly count: number
  /** Whether that is more than tabs and retries account for; true from 20 on. */
  readonly isUnusual: boolean
}

/** A refresh token came back after it was rotated away. The session is revoked by then. */
export interface SessionTheftMessage extends OfSession {
  readonly kind: 'theft'
}

/** A session was bound to a device. */
export interface SessionBoundMessage extends OfSession {
  readonly kind: 'bound'
  readonly method: 'dbsc' | 'dpop'
}

/** Sessions were ended here: by a sign-out, by the app, by another login, by the limit or by theft. */
export interface SessionsRevokedMessage {
  readonly kind: 'revoked'
  /** Those that existed; at most 500 in one message. */
  readonly sessionHandles: readonly string[]
}

/** A signing key was added before its time. */
export interface KeysRotatedMessage {
  readonly kind: 'keys-rotated'
  /** How many former keys verify nothing any more. */
  readonly revoked: number
}

/** A process has looked for revocations in the store. */
export interface RevocationsReadMessage {
  readonly kind: 'revocations-read'
  /** How many were new, or met again. */
  readonly count: number
  /** What is known of revocations is so old, in milliseconds: 0, or for how long the store failed. */
  readonly ageMs: number
  /** Why the store could not be read; `undefined` where it was. */
  readonly error: unknown
}

/** What becomes of sessions, as messages on `fastify-supersession:session`. */
export type SessionMessage =
  | SessionCreatedMessage
  | SessionRefreshedMessage
  | SessionConfirmedMessage
  | SessionReusedMessage
  | SessionTheftMessage
  | SessionBoundMessage
  | SessionsRevokedMessage
  | KeysRotatedMessage
  | RevocationsReadMessage

const sessions = channel('fastify-supersession:session')

/** Tells whoever listens. A message costs an object; where nobody listens, nothing more. */
export function publish(message: SessionMessage): void {
  if (sessions.hasSubscribers) sessions.publish(message)
}
