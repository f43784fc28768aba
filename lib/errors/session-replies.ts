import type { HeaderBag } from '../../types/errors.d.ts'
import type { SessionError } from './session-errors.ts'
import type { ErrorSettings } from './settings.ts'

type StatusOf = (error: SessionError, settings: ErrorSettings) => number

const expired: StatusOf = (_error, settings) => settings.sessionExpiredStatusCode

/** The SDK's plugins choose their own status. */
const ofPlugin: StatusOf = ({ cause }) => {
  const { code } = Object(cause) as { code?: unknown }
  return Number.isInteger(code) && (code as number) >= 400 && (code as number) <= 599
    ? (code as number)
    : 400
}

const statuses: Readonly<Record<string, StatusOf>> = {
  UNAUTHORISED: expired,
  TRY_REFRESH_TOKEN: expired,
  TOKEN_THEFT_DETECTED: expired,
  INVALID_CLAIMS: (_error, settings) => settings.invalidClaimStatusCode,
  // Front ends retry the refresh after a 200 and log out after anything else.
  CLEAR_DUPLICATE_SESSION_COOKIES: () => 200,
  BAD_INPUT_ERROR: () => 400,
  PLUGIN_ERROR: ofPlugin
}

/** The status that the front end's protocol asks for. */
export function sessionStatus(error: SessionError, settings: ErrorSettings): number {
  return statuses[error.type]?.(error, settings) ?? 500
}

/**
 * What goes out with a session error whichever handler answers: nothing may store it, and a 401 has
 * to name a scheme (RFC 9110 11.6.1). Bearer opens no login prompt in a browser.
 */
export function sessionHeaders(error: SessionError, { challenge }: ErrorSettings): HeaderBag {
  const scheme = challenge === false ? undefined : challenges[error.type]?.(challenge)
  if (scheme === undefined) return { 'cache-control': 'no-store' }
  return { 'cache-control': 'no-store', 'www-authenticate': scheme }
}

const challenges: Readonly<Record<string, (scheme: string) => string>> = {
  UNAUTHORISED: (scheme) => scheme,
  TRY_REFRESH_TOKEN: (scheme) => `${scheme} error="invalid_token"`,
  TOKEN_THEFT_DETECTED: (scheme) => scheme
}

/** The texts front ends know. An error's own message is for the log, except where it is named here. */
const messages: Readonly<Record<string, (error: SessionError) => string>> = {
  UNAUTHORISED: () => 'unauthorised',
  TRY_REFRESH_TOKEN: () => 'try refresh token',
  TOKEN_THEFT_DETECTED: () => 'token theft detected',
  INVALID_CLAIMS: () => 'invalid claim',
  CLEAR_DUPLICATE_SESSION_COOKIES: ({ message }) => message,
  BAD_INPUT_ERROR: ({ message }) => message,
  PLUGIN_ERROR: ({ message }) => message
}

/** The bodies that most requests without a good session get, made once. */
export const constantBodies: ReadonlyMap<string, string> = new Map([
  ['UNAUTHORISED', '{"message":"unauthorised"}'],
  ['TRY_REFRESH_TOKEN', '{"message":"try refresh token"}'],
  ['TOKEN_THEFT_DETECTED', '{"message":"token theft detected"}']
])

/** The body in the front end's protocol, which no renderer changes by default. */
export function sessionBody(error: SessionError): Record<string, unknown> {
  const message = messages[error.type]?.(error) ?? 'Unknown error'
  if (error.type !== 'INVALID_CLAIMS') return { message }
  return { message, claimValidationErrors: error.payload }
}
