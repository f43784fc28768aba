import { checkNames, OptionsError } from '../options/checks.ts'
import type { HeaderBag } from './http-exception.ts'
import type { ErrorSettings } from './options.ts'
import { on } from './registry.ts'
import type { SessionError } from './session-errors.ts'
import type { HandlerEntry, SessionErrorHandlers } from './types.ts'

/** A table by names that an error says: names of Object's prototype are none of them. */
function mapOf<T>(members: Readonly<Record<string, T>>): ReadonlyMap<string, T> {
  return new Map(Object.entries(members))
}

type StatusOf = (error: SessionError, settings: ErrorSettings) => number

const expired: StatusOf = (_error, settings) => settings.sessionExpiredStatusCode

/** The SDK's plugins choose their own status. */
const ofPlugin: StatusOf = ({ cause }) => {
  const { code } = Object(cause) as { code?: unknown }
  return Number.isInteger(code) && (code as number) >= 400 && (code as number) <= 599
    ? (code as number)
    : 400
}

const statuses: ReadonlyMap<string, StatusOf> = mapOf({
  UNAUTHORISED: expired,
  TRY_REFRESH_TOKEN: expired,
  TOKEN_THEFT_DETECTED: expired,
  INVALID_CLAIMS: (_error, settings) => settings.invalidClaimStatusCode,
  // Front ends retry the refresh after a 200 and log out after anything else.
  CLEAR_DUPLICATE_SESSION_COOKIES: () => 200,
  BAD_INPUT_ERROR: () => 400,
  PLUGIN_ERROR: ofPlugin
})

/** The status that the front end's protocol asks for. */
export function sessionStatus(error: SessionError, settings: ErrorSettings): number {
  return statuses.get(error.type)?.(error, settings) ?? 500
}

/**
 * What goes out with a session error whichever handler answers: nothing may store it, and a 401 has
 * to name a scheme (RFC 9110 11.6.1). Bearer opens no login prompt in a browser.
 */
export function sessionHeaders(error: SessionError, { challenge }: ErrorSettings): HeaderBag {
  const scheme = challenge === false ? undefined : challenges.get(error.type)?.(challenge)
  // An error that names a scheme itself knows better.
  return scheme === undefined ? error.headers : { 'www-authenticate': scheme, ...error.headers }
}

const challenges: ReadonlyMap<string, (scheme: string) => string> = mapOf({
  UNAUTHORISED: (scheme) => scheme,
  TRY_REFRESH_TOKEN: (scheme) => `${scheme} error="invalid_token"`,
  TOKEN_THEFT_DETECTED: (scheme) => scheme
})

/** The texts front ends know. An error's own message is for the log. */
const texts: ReadonlyMap<string, string> = mapOf({
  UNAUTHORISED: 'unauthorised',
  TRY_REFRESH_TOKEN: 'try refresh token',
  TOKEN_THEFT_DETECTED: 'token theft detected',
  INVALID_CLAIMS: 'invalid claim'
})

/** Errors whose message is meant for the client. */
const speaking: ReadonlySet<string> = new Set([
  'CLEAR_DUPLICATE_SESSION_COOKIES',
  'BAD_INPUT_ERROR',
  'PLUGIN_ERROR'
])

/** The bodies that nearly all requests without a good session get, made once. */
export const constantBodies: ReadonlyMap<string, string> = new Map(
  ['UNAUTHORISED', 'TRY_REFRESH_TOKEN', 'TOKEN_THEFT_DETECTED'].map((type) => [
    type,
    JSON.stringify({ message: texts.get(type) })
  ])
)

/** The body in the front end's protocol, which no renderer changes by default. */
export function sessionBody({ type, message, payload }: SessionError): Record<string, unknown> {
  const text = speaking.has(type) ? message : (texts.get(type) ?? 'Unknown error')
  if (type !== 'INVALID_CLAIMS') return { message: text }
  return { message: text, claimValidationErrors: payload }
}

type Callbacks = Required<SessionErrorHandlers>

/** How each of SuperTokens' callbacks is called, as an exception handler. */
const adapters: { [K in keyof Callbacks]: (callback: Callbacks[K]) => HandlerEntry } = {
  onUnauthorised: (callback) =>
    on('UNAUTHORISED', (error, request, reply) => callback(error.message, request, reply)),
  onTryRefreshToken: (callback) =>
    on('TRY_REFRESH_TOKEN', (error, request, reply) => callback(error.message, request, reply)),
  onTokenTheftDetected: (callback) =>
    on('TOKEN_THEFT_DETECTED', ({ payload }, request, reply) => {
      const { sessionHandle, userId } = payload
      return callback(sessionHandle, userId, request, reply)
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
    if (name === 'onTokenTheftDetected' && callback.length > 4)
      throw new OptionsError(
        'errorHandlers.onTokenTheftDetected',
        'a function of (sessionHandle, userId, request, reply): take recipeUserId out, which is the userId',
        callback
      )
    const adapt = adapters[name as keyof Callbacks] as (callback: unknown) => HandlerEntry
    entries.push(adapt(callback))
  }
  return entries
}
