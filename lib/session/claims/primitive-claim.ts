import { OptionsError } from '../../options/checks.ts'
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

/** A claim that is true or false. */
export class BooleanClaim extends SessionClaim<boolean> {
  readonly validators: BooleanClaimValidators = {
    hasValue: (value, options) => hasValue(this, value, options),
    isTrue: (options) => hasValue(this, true, options),
    isFalse: (options) => hasValue(this, false, options)
  }
}

export interface BooleanClaimValidators extends PrimitiveClaimValidators<boolean> {
  isTrue(options?: ValidatorOptions): ClaimValidator
  isFalse(options?: ValidatorOptions): ClaimValidator
}

/**
 * Refuses what no value of a claim equals: a check for it would always fail, or always pass.
 *
 * @throws {@link OptionsError} It is an object, a function or missing.
 */
export function checkPrimitive(value: unknown, path: string): void {
  const isPrimitive = ['string', 'number', 'boolean'].includes(typeof value)
  if (value !== null && !isPrimitive)
    throw new OptionsError(path, 'a string, number, boolean or null', value)
}

/** A validator for exactly one value of a claim. */
export function hasValue<T>(
  claim: SessionClaim<T>,
  expectedValue: T,
  options: ValidatorOptions | undefined
): ClaimValidator {
  checkPrimitive(expectedValue, `${claim.key}.validators.value`)
  const passes = (value: T) => value === expectedValue
  return valueValidator(claim, { passes, expectation: { expectedValue } }, options)
}
