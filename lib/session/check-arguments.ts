import {
  type Check,
  type Checks,
  checkMembers,
  functionOf,
  numberWithin,
  OptionsError,
  oneOf,
  optional
} from '../options/checks.ts'
import { checkClaim } from './claims/validate-claims.ts'
import type { Sessions } from './types.ts'
import { checkVerifyOptions } from './verify.ts'

/** What the public functions of sessions are given: a wrong value must not weaken a check in silence. */

const boolean = oneOf(true, false)
const anything: Check<unknown> = (value) => value
/** As SuperTokens' default: a hundred years, and room for more. */
const MAX_VALIDITY_SECONDS = 10_000_000_000

function text(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  throw new OptionsError(path, 'a string', value)
}

function texts(value: unknown, path: string): void {
  if (!Array.isArray(value) || value.some((member) => typeof member !== 'string'))
    throw new OptionsError(path, 'a list of strings', value)
}

function object(value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OptionsError(path, 'an object', value)
}

/** Node's own request has no `raw`, and of a reply `headers` is a function. */
export function fastifyRequest(value: unknown, path: string): void {
  const { raw, headers } = Object(value) as { raw?: unknown; headers?: unknown }
  if (typeof raw !== 'object' || typeof headers !== 'object')
    throw new OptionsError(path, 'a request of Fastify', value)
}

/** Times of a JWT (RFC 7519 section 2): what is no number would be left out or never reached. */
function jwtPayload(value: unknown, path: string): void {
  object(value, path)
  for (const name of ['exp', 'nbf', 'iat'] as const) {
    const claims = value as Record<string, unknown>
    if (name in claims && !Number.isFinite(claims[name]))
      throw new OptionsError(`${path}.${name}`, 'a number of seconds since the epoch', claims[name])
  }
}

function nothing(value: unknown, path: string): void {
  if (value !== undefined)
    throw new OptionsError(path, 'left out: there is no such argument', value)
}

function options(checks: Checks): Check<unknown> {
  return (value, path) => checkMembers(value, checks, path)
}

/** Their values are checked where sessions are made. */
const newSession = {
  userId: anything,
  tenantId: anything,
  accessTokenPayload: anything,
  sessionData: anything
}
const tenantOptions = optional(options({ tenantId: text }))

/** The parameters of each function, in their order. `get` checks its own, at once. */
const parameters: Readonly<Partial<Record<keyof Sessions, Checks>>> = {
  create: {
    request: fastifyRequest,
    reply: anything,
    input: options({
      ...newSession,
      keepOldSession: boolean,
      transferMethod: oneOf('cookie', 'header')
    })
  },
  issue: { input: options({ ...newSession, disableAntiCsrf: boolean }) },
  verify: {
    accessToken: text,
    antiCsrfToken: optional(text),
    options: optional((value, path) => checkVerifyOptions(value as object, path))
  },
  rotate: {
    refreshToken: text,
    options: optional(options({ antiCsrfToken: text, disableAntiCsrf: boolean }))
  },
  revoke: { handle: text },
  revokeMany: { handles: texts },
  revokeAll: { userId: text, options: tenantOptions },
  list: { userId: text, options: tenantOptions },
  devices: { userId: text, options: tenantOptions },
  info: { handle: text },
  updateData: { handle: text, data: anything },
  mergePayload: { handle: text, update: object },
  fetchClaim: { handle: text, claim: checkClaim },
  setClaim: { handle: text, claim: checkClaim, value: anything },
  getClaim: { handle: text, claim: checkClaim },
  removeClaim: { handle: text, claim: checkClaim },
  validateClaims: { handle: text, override: optional(functionOf()) },
  createJWT: {
    payload: optional(jwtPayload),
    options: optional(
      options({
        validitySeconds: numberWithin(1, MAX_VALIDITY_SECONDS),
        useStaticSigningKey: boolean
      })
    ),
    userContext: nothing
  },
  rotateKeys: { options: optional(options({ revoke: boolean })) }
}

function isGiven(value: unknown): boolean {
  return value !== undefined
}

/** The same functions, which refuse what they do not understand, by name, before they do anything. */
export function checkingArguments(sessions: Sessions): Sessions {
  const checked: Record<string, unknown> = { ...sessions }
  for (const [name, checks] of Object.entries(parameters)) {
    const call = checked[name] as (...args: unknown[]) => Promise<unknown>
    const entries = Object.entries(checks)
    checked[name] = async (...args: unknown[]) => {
      for (const [index, [parameter, check]] of entries.entries())
        check(args[index], `sessions.${name}.${parameter}`)
      // One too many is meant for something: a tenant, an option. Functions of one argument are given
      // more by `handles.map(sessions.revoke)`.
      if (entries.length > 1 && args.slice(entries.length).some(isGiven))
        throw new OptionsError(
          `sessions.${name}`,
          `called with ${entries.length} arguments at most`
        )
      return call(...args)
    }
  }
  return checked as unknown as Sessions
}
