import type { FastifyReply, FastifyRequest } from 'fastify'
import type { SessionError } from './session-errors.ts'
import { isSDKError, SupertokensError } from './supertokens-errors.ts'
import type { ExceptionHandler, HandlerEntry } from './types.ts'

/** What `errorHandler()` of `supertokens-node/framework/fastify` gives. */
export type SDKErrorHandler = (
  error: never,
  request: FastifyRequest,
  reply: FastifyReply
) => Promise<unknown>

const sessionKeys = [
  'UNAUTHORISED',
  'TRY_REFRESH_TOKEN',
  'TOKEN_THEFT_DETECTED',
  'INVALID_CLAIMS',
  'CLEAR_DUPLICATE_SESSION_COOKIES',
  SupertokensError
] as const

/** Handlers that give errors of the SDK back to the SDK, so that what it was set up with applies. */
export function bridgeEntries(errorHandler: SDKErrorHandler): HandlerEntry[] {
  const handler: ExceptionHandler<SessionError> = async ({ cause }, request, reply, context) => {
    if (!isSDKError(cause)) return context.next()
    await errorHandler(cause as never, request, reply)
    return reply
  }
  return sessionKeys.map((key) => [key, handler])
}

/** The part of the SDK's session recipe that is needed to verify. */
export interface SDKSession {
  getSession(request: never, reply: never, options?: never): Promise<unknown>
}

/**
 * The SDK's `verifySession` as a hook that fails once.
 *
 * Its own answers the request and throws as well, which with any hook that waits in `onSend` mixes
 * two replies, and with its own error handler ends the process.
 *
 * @param session - The default export of `supertokens-node/recipe/session`.
 */
export function wrapSdkVerifySession(
  session: SDKSession,
  options?: object
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    const found = await session.getSession(request as never, reply as never, options as never)
    Object.assign(request, { session: found })
  }
}
