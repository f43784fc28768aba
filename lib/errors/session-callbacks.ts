import { checkNames } from '../options/check.ts'
import { OptionsError } from '../options/options-error.ts'
import { on } from './handler-maps.ts'
import type { HandlerEntry, SessionErrorHandlers } from './types.ts'

type Callbacks = Required<SessionErrorHandlers>

/** How each of SuperTokens' callbacks is called, as an exception handler. */
const adapters: { [K in keyof Callbacks]: (callback: Callbacks[K]) => HandlerEntry } = {
  onUnauthorised: (callback) =>
    on('UNAUTHORISED', (error, request, reply) => callback(error.message, request, reply)),
  onTryRefreshToken: (callback) =>
    on('TRY_REFRESH_TOKEN', (error, request, reply) => callback(error.message, request, reply)),
  onTokenTheftDetected: (callback) =>
    on('TOKEN_THEFT_DETECTED', ({ payload }, request, reply) => {
      const { sessionHandle, userId, recipeUserId } = payload
      return callback(sessionHandle, userId, recipeUserId, request, reply)
    }),
  onInvalidClaim: (callback) =>
    on('INVALID_CLAIMS', (error, request, reply) => callback(error.payload, request, reply)),
  onClearDuplicateSessionCookies: (callback) =>
    on('CLEAR_DUPLICATE_SESSION_COOKIES', (error, request, reply) =>
      callback(error.message, request, reply)
    )
}

/**
 * SuperTokens' `errorHandlers` as entries of the registry.
 *
 * @throws OptionsError for a callback of an unknown name or one that is no function.
 */
export function sessionEntries(handlers: SessionErrorHandlers): HandlerEntry[] {
  checkNames(handlers, Object.keys(adapters), 'errorHandlers')
  const entries: HandlerEntry[] = []
  for (const [name, callback] of Object.entries(handlers)) {
    if (callback === undefined) continue
    if (typeof callback !== 'function') {
      throw new OptionsError(`errorHandlers.${name}`, 'a function', callback)
    }
    const adapt = adapters[name as keyof Callbacks] as (callback: unknown) => HandlerEntry
    entries.push(adapt(callback))
  }
  return entries
}
