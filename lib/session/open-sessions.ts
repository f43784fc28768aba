import type { SessionOverrides } from '../options/options.ts'
import type { AccessTokens } from '../tokens/access-token.ts'
import type { SessionContext } from './session.ts'
import { AppSessions, type SessionsSettings } from './sessions.ts'
import type { Sessions } from './types.ts'

/** Compile-time check that no function of `app.sessions` is missing. */
const FUNCTIONS = {
  create: true,
  issue: true,
  get: true,
  verify: true,
  refresh: true,
  rotate: true,
  revoke: true,
  revokeMany: true,
  revokeAll: true,
  list: true,
  devices: true,
  info: true,
  updateData: true,
  mergePayload: true,
  fetchClaim: true,
  setClaim: true,
  getClaim: true,
  removeClaim: true,
  validateClaims: true,
  createJWT: true,
  jwks: true,
  discovery: true
} satisfies { readonly [Name in keyof Sessions]: true }

/**
 * Makes `app.sessions`: our functions, and the app's in place of those that it overrides.
 *
 * What stands above, `request.session`, hooks and routes, goes through the answer, so that an
 * override holds everywhere.
 */
export function openSessions(
  shared: Omit<SessionContext, 'sessions'>,
  accessTokens: AccessTokens,
  settings: SessionsSettings,
  override: SessionOverrides['functions']
): Sessions {
  // The context knows the sessions, which know the context: one of the two has to come later.
  const context = { ...shared, sessions: undefined as unknown as Sessions }
  const ours = new AppSessions(context, accessTokens, settings)
  // Bound, so that an override can take them apart and spread them.
  const bound = Object.fromEntries(
    Object.keys(FUNCTIONS).map((name) => [name, ours[name as keyof Sessions].bind(ours)])
  ) as unknown as Sessions
  context.sessions = override?.(bound) ?? bound
  return context.sessions
}
