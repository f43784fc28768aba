import { type Check, checkNames, numberWithin } from '../../options/checks.ts'
import type { Awaitable } from '../../stores/store.ts'
import { isProtectedClaim } from '../../tokens/access-token.ts'
import type { Claim, ClaimSubject, ClaimsPayload, JsonObject } from '../types.ts'

/** Ages of claims, in seconds. @throws OptionsError It is NaN, less than 0 or no number. */
export const checkMaxAge: Check<number> = numberWithin(0, Number.POSITIVE_INFINITY)

/** How a claim is made. */
export interface ClaimOptions<T> {
  /** Its name in the payload. */
  readonly key: string
  /** Asks for the value of a user; `undefined` leaves the claim as it is. */
  readonly fetchValue: (subject: ClaimSubject, payload: ClaimsPayload) => Awaitable<T | undefined>
  /**
   * After how many seconds a validator fetches the value anew, where it says nothing itself.
   * @defaultValue never
   */
  readonly defaultMaxAgeInSeconds?: number
}

/**
 * A named fact in the access token. Extend it for a claim with validators of its own.
 *
 * Stored as `payload[key] = { v: value, t: milliseconds }`, as the front-end SDK reads it.
 */
export class SessionClaim<T> implements Claim<T> {
  readonly key: string
  readonly fetchValue: Claim<T>['fetchValue']
  readonly defaultMaxAgeInSeconds: number | undefined

  /** @throws TypeError The key or `fetchValue` is missing, or another option is wrong or unknown. */
  constructor(options: ClaimOptions<T>) {
    checkNames(options, ['key', 'fetchValue', 'defaultMaxAgeInSeconds'], 'claim')
    const { key, fetchValue, defaultMaxAgeInSeconds } = options
    if (typeof key !== 'string' || key === '') throw new TypeError('A claim needs a key')
    if (isProtectedClaim(key))
      throw new TypeError(`The claim '${key}' belongs to the session protocol`)
    if (typeof fetchValue !== 'function')
      throw new TypeError(`The claim '${key}' needs a function fetchValue`)
    if (defaultMaxAgeInSeconds !== undefined)
      checkMaxAge(defaultMaxAgeInSeconds, `${key}.defaultMaxAgeInSeconds`)
    this.key = key
    this.fetchValue = fetchValue
    this.defaultMaxAgeInSeconds = defaultMaxAgeInSeconds
  }

  toPayload(value: T, nowMs: number): JsonObject {
    return { [this.key]: { v: value, t: nowMs } }
  }

  valueIn(payload: JsonObject): T | undefined {
    return this.#storedIn(payload)?.v
  }

  fetchedAt(payload: JsonObject): number | undefined {
    return this.#storedIn(payload)?.t
  }

  #storedIn(payload: JsonObject): { v?: T; t?: number } | undefined {
    const stored = payload[this.key]
    // An app may have put something else under the key.
    return typeof stored === 'object' && stored !== null ? stored : undefined
  }
}
