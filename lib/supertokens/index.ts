import type { FastifyReply, FastifyRequest } from 'fastify'
import { isSdkError, SupertokensError } from '../errors/session-errors.ts'
import type { ExceptionHandler, ExceptionKey } from '../errors/types.ts'

export { SupertokensError } from '../errors/session-errors.ts'

/** What `errorHandler()` of `supertokens-node/framework/fastify` gives. */
export type SdkErrorHandler = (
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

/** What is needed of an app. One with a logger of its own has it, and is no `FastifyInstance`. */
interface AppWithHandlers {
  getExceptionHandler(key: ExceptionKey): unknown
  setExceptionHandler(key: ExceptionKey, handler: ExceptionHandler): unknown
}

/**
 * Leaves errors of the supertokens-node SDK to its own handler, so that what it was set up with
 * applies. Call it after the errors plugin is registered and the app's own handlers are set: a key
 * that has a handler keeps it.
 *
 * @param errorHandler - `errorHandler()` of `supertokens-node/framework/fastify`.
 * @throws TypeError `errorHandler` is no function.
 */
export function useSdkErrorHandler(app: AppWithHandlers, errorHandler: SdkErrorHandler): void {
  if (typeof errorHandler !== 'function')
    throw new TypeError(
      'errorHandler must be a function: errorHandler() of supertokens-node/framework/fastify'
    )
  const handler: ExceptionHandler = async (error, request, reply, context) => {
    const { cause } = error as Error
    if (!isSdkError(cause)) return context.next()
    await errorHandler(cause as never, request, reply)
    return reply
  }
  for (const key of sessionKeys)
    if (app.getExceptionHandler(key) === undefined) app.setExceptionHandler(key, handler)
}

/** The part of the SDK's session recipe that is needed to verify. */
export interface SdkSession {
  /** Verifies the session of a request. */
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
  session: SdkSession,
  options?: object
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    const found = await session.getSession(request as never, reply as never, options as never)
    Object.assign(request, { session: found })
  }
}
