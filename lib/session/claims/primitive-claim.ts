import type { ClaimValidator } from '../types.ts'
import { SessionClaim } from './session-claim.ts'
import { type ValidatorOptions, valueValidator } from './value-validator.ts'

/** A claim that is one string, number, boolean or null. */
export class PrimitiveClaim<T extends string | number | boolean | null> extends SessionClaim<T> {
  readonly validators: PrimitiveClaimValidators<T> = {
    hasValue: (value, options) => hasValue(this, value, options)
  }
}

export interface PrimitiveClaimValidators<T> {
  /** Passes where the value is this one. */
  hasValue(value: T, options?: ValidatorOptions): ClaimValidator
}

/** A validator for exactly one value of a claim. */
export function hasValue<T>(
  claim: SessionClaim<T>,
  expectedValue: T,
  options: ValidatorOptions | undefined
): ClaimValidator {
  const passes = (value: T) => value === expectedValue
  return valueValidator(claim, { passes, expectation: { expectedValue } }, options)
}
