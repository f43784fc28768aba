import { checkNames, OptionsError } from '../../options/checks.ts'
import type { ClaimContext, ClaimValidator, JsonObject } from '../types.ts'
import { checkMaxAge, type SessionClaim } from './session-claim.ts'

/** How a validator is told apart, and when it wants a fresh value. */
export interface ValidatorOptions {
  /**
   * Older values are fetched anew, and refused where that brings nothing. In seconds.
   * @defaultValue the claim's `defaultMaxAgeInSeconds`
   */
  readonly maxAgeInSeconds?: number | undefined
  /** @defaultValue the claim's key */
  readonly id?: string | undefined
}

/** What a validator of one claim asks of its value. */
export interface ValueCheck<T> {
  readonly passes: (value: T) => boolean
  /** What is said of the expectation where there is no value, and where it is the wrong one. */
  readonly expectation: JsonObject
  readonly expectationWithoutValue?: JsonObject
}

/**
 * A validator of one claim's value: there has to be one, young enough, that passes the check.
 *
 * The value is fetched anew where it is missing or too old.
 *
 * @throws {@link OptionsError} An option is unknown or wrong.
 */
export function valueValidator<T>(
  claim: SessionClaim<T>,
  { passes, expectation, expectationWithoutValue = expectation }: ValueCheck<T>,
  options: ValidatorOptions = {}
): ClaimValidator {
  const path = `${claim.key}.validators`
  const given: unknown = options
  checkNames(given, ['maxAgeInSeconds', 'id'], path)
  const { maxAgeInSeconds, id } = options
  if (maxAgeInSeconds !== undefined) checkMaxAge(maxAgeInSeconds, `${path}.maxAgeInSeconds`)
  if (id !== undefined && typeof id !== 'string')
    throw new OptionsError(`${path}.id`, 'a string', id)
  const maxAge = options.maxAgeInSeconds ?? claim.defaultMaxAgeInSeconds
  const ageOf = (payload: JsonObject, { nowMs }: ClaimContext) =>
    (nowMs - (claim.fetchedAt(payload) ?? 0)) / 1000
  const isTooOld = (payload: JsonObject, context: ClaimContext) =>
    maxAge !== undefined && ageOf(payload, context) > maxAge

  return {
    claim,
    id: options.id ?? claim.key,
    shouldRefetch: (payload, context) =>
      claim.valueIn(payload) === undefined || isTooOld(payload, context),
    validate(payload, context) {
      const actualValue = claim.valueIn(payload)
      if (actualValue === undefined)
        return failure('value does not exist', { ...expectationWithoutValue, actualValue })
      if (isTooOld(payload, context)) {
        const ageInSeconds = ageOf(payload, context)
        return failure('expired', { ageInSeconds, maxAgeInSeconds: maxAge })
      }
      if (!passes(actualValue)) return failure('wrong value', { ...expectation, actualValue })
      return { isValid: true }
    }
  }
}

function failure(message: string, facts: JsonObject) {
  return { isValid: false, reason: { message, ...facts } } as const
}
