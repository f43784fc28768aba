import type { FastifyReply } from 'fastify'
import { encodeFrontToken } from '../tokens/front-token.ts'
import { type SessionContext, VerifiedSession } from './session.ts'
import type { AccessToken, IssuedTokens, Session, SessionTokens, TransferMethod } from './types.ts'

/** Puts new tokens on a reply, and answers their session. */
export function issueTo(
  reply: FastifyReply,
  context: SessionContext,
  tokens: IssuedTokens,
  method: TransferMethod
): Session {
  const session = new VerifiedSession(context, tokens.accessToken, method, reply)
  session.issue(tokens)
  return session
}

/** New tokens, and their session, for an app that moves them by itself. */
export function toSessionTokens(
  context: SessionContext,
  accessToken: AccessToken,
  refreshToken: string
): SessionTokens {
  const session = new VerifiedSession(context, accessToken, 'header', null)
  return { ...describeTokens(session), refreshToken }
}

/** The tokens of a session as it stands. */
export function describeTokens(session: Session): SessionTokens {
  return {
    session,
    accessToken: session.accessToken,
    frontToken: encodeFrontToken(session.payload),
    antiCsrfToken: session.payload.antiCsrfToken
  }
}

export function otherThan(method: TransferMethod): TransferMethod {
  return method === 'cookie' ? 'header' : 'cookie'
}
