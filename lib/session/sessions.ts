import type { Awaitable } from '../awaitable.ts'
import { noteElsewhere } from '../errors/session-errors.ts'
import { checkNames } from '../options/checks.ts'
import type { SessionOverrides } from '../options/options.ts'
import { expectedWithoutRequest } from './anti-csrf.ts'
import { checkingArguments, fastifyRequest } from './check-arguments.ts'
import { mergeClaims } from './claims/custom-claims.ts'
import * as storedClaims from './claims/stored-claims.ts'
import type { SessionContext } from './context.ts'
import { createSession, issueSession, sessionDataText } from './create.ts'
import { refuseDroppedCookie } from './issue-tokens.ts'
import { refreshRequest, rotateToken } from './refresh.ts'
import { revokeAllOf, revokeSessions, rotateKeys } from './revoke.ts'
import { describeTokens } from './session.ts'
import type { JsonObject, Session, Sessions, VerifySessionOptions } from './types.ts'
import { checkVerifyOptions, openSession, orThrow, verifyRequest, verifyText } from './verify.ts'
import type { FindSession } from './verify-hook.ts'

const NO_OPTIONS: VerifySessionOptions = Object.freeze({})
/** As SuperTokens: a hundred years. */
const JWT_VALIDITY_SECONDS = 3_153_600_000

/**
 * Makes `app.sessions`: our functions, and the app's in place of those that it overrides. `find` is
 * its `get` for hooks.
 *
 * What stands above, `request.session`, hooks and routes, goes through the answer, so that an
 * override holds everywhere.
 *
 * @throws {@link OptionsError} The app overrides a function that there is none of.
 */
export function createSessions(
  shared: Omit<SessionContext, 'sessions'>,
  override: SessionOverrides['functions']
): { readonly sessions: Sessions; readonly find: FindSession } {
  // The context knows the sessions, which know the context: one of the two has to come later.
  const context = { ...shared, sessions: undefined as unknown as Sessions }
  const ours = checkingArguments(ownSessions(context))
  // Taken out first: an override may change the object that it is given.
  const { get } = ours
  const sessions = override?.(ours) ?? ours
  checkNames(sessions, Object.keys(ours), 'override.functions')
  context.sessions = sessions
  const find: FindSession = (request, reply, options) =>
    sessions.get === get
      ? verifyRequest(context, request, options, openSession)
      : sessions.get(request, reply, options)
  return { sessions, find }
}

/** Plain functions, so that an override can take them apart and spread them. */
function ownSessions(context: SessionContext): Sessions {
  const { settings, clock, records, keyRing, tokenReply } = context
  const { issuer } = settings
  return {
    create: (request, _reply, input) => createSession(context, request, input),
    issue: (input) => issueSession(context, input),
    // The overload says that only `sessionRequired: false` answers null.
    get: ((request, _reply, options = NO_OPTIONS) => {
      fastifyRequest(request, 'sessions.get.request')
      checkVerifyOptions(options, 'sessions.get.options')
      const find = () => orThrow(verifyRequest(context, request, options, openSession))
      return tokenReply.isOf(request) ? find() : elsewhere(find)
    }) as Sessions['get'],
    verify: (async (accessToken, antiCsrfToken, options = NO_OPTIONS) => {
      const expected = expectedWithoutRequest(context, antiCsrfToken, options)
      const session = await elsewhere(() =>
        orThrow(verifyText(context, accessToken, expected, options))
      )
      return session === null ? null : describeTokens(session as Session)
    }) as Sessions['verify'],
    refresh: (request) => refreshRequest(context, request),
    rotate: (refreshToken, options = {}) =>
      elsewhere(() => rotateToken(context, refreshToken, options)),

    revoke: async (handle) => (await revokeSessions(context, [handle])).length > 0,
    revokeMany: (handles) => revokeSessions(context, handles),
    revokeAll: (userId, options = {}) => revokeAllOf(context, userId, options.tenantId),
    list: (userId, options = {}) => records.list(userId, options.tenantId),
    devices: (userId, options = {}) => records.devices(userId, options.tenantId),
    info: (handle) => records.information(handle),

    updateData: async (handle, data) => {
      const sessionData = sessionDataText(data)
      return records.update(handle, (record) => ({ ...record, sessionData }))
    },
    mergePayload: (handle, update) =>
      records.update(handle, (record) => {
        const claims = mergeClaims(JSON.parse(record.payload) as JsonObject, update as JsonObject)
        const changed = { ...record, payload: JSON.stringify(claims) }
        refuseDroppedCookie(context, changed)
        return changed
      }),
    fetchClaim: (handle, claim) => storedClaims.fetchClaim(context, handle, claim),
    setClaim: (handle, claim, value) => storedClaims.setClaim(context, handle, claim, value),
    getClaim: (handle, claim) => storedClaims.getClaim(context, handle, claim),
    removeClaim: (handle, claim) => storedClaims.removeClaim(context, handle, claim),
    validateClaims: (handle, validators) =>
      storedClaims.validateStoredClaims(context, handle, validators),

    createJWT: async (
      payload = {},
      { validitySeconds = JWT_VALIDITY_SECONDS, useStaticSigningKey = true } = {}
    ) => {
      const nowMs = clock.now()
      const iat = Math.floor(nowMs / 1000)
      const key = await keyRing.signingKey(useStaticSigningKey ? 'static' : 'dynamic', nowMs)
      return key.signJwt({ iss: issuer, iat, exp: iat + validitySeconds, ...payload })
    },
    rotateKeys: ({ revoke = false } = {}) => rotateKeys(context, { revoke }),
    jwks: async () => {
      const nowMs = clock.now()
      // Adds the next key when it is due, so that it is published before it signs.
      await keyRing.signingKey(settings.keyKind, nowMs)
      return keyRing.jwks(nowMs)
    },
    discovery: () => {
      const { keys } = keyRing.jwks(clock.now())
      // Keys of an algorithm that was configured before verify for a while.
      const algorithms = new Set([settings.signingAlgorithm, ...keys.map(({ alg }) => alg)])
      return {
        issuer,
        jwks_uri: `${settings.appInfo.issuer}/jwt/jwks.json`,
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: [...algorithms]
      }
    }
  }
}

/** Runs what looks at other tokens than those that the reply of the request would take away. */
async function elsewhere<T>(action: () => Awaitable<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    noteElsewhere(error)
    throw error
  }
}
