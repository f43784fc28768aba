import { customClaimsOf, isProtectedClaim } from '../../tokens/access-token.ts'
import type { JsonObject } from '../types.ts'

/** With the claims of the protocol and a signature, a token of this much still fits a header. */
const MAX_CLAIMS_BYTES = 4096

/**
 * Merges custom claims at the root. `null` and `undefined` remove; what is nested is replaced.
 *
 * @throws TypeError A claim of the protocol is given a value, or the result is too large.
 */
export function mergeClaims(claims: JsonObject, update: JsonObject): JsonObject {
  const merged = new Map(Object.entries(claims))
  for (const [name, value] of Object.entries(update)) {
    if (value === null || value === undefined) merged.delete(name)
    else if (isProtectedClaim(name))
      throw new TypeError(`The claim '${name}' belongs to the session protocol and cannot be set`)
    else merged.set(name, value)
  }
  return checkSize(Object.fromEntries(merged))
}

/** What a new session's access token carries: the app's claims and the issuer's. */
export function newClaims(claims: JsonObject, issuer: string): JsonObject {
  return checkSize({ ...customClaimsOf(claims), iss: issuer })
}

function checkSize(claims: JsonObject): JsonObject {
  if (Buffer.byteLength(JSON.stringify(claims)) > MAX_CLAIMS_BYTES)
    throw new TypeError(
      `The claims of an access token must be at most ${MAX_CLAIMS_BYTES} bytes of JSON; the session data has room for more`
    )
  return claims
}
