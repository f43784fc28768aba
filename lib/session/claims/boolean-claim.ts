import type { ClaimValidator } from '../types.ts'
import { hasValue, type PrimitiveClaimValidators } from './primitive-claim.ts'
import { SessionClaim } from './session-claim.ts'
import type { ValidatorOptions } from './value-validator.ts'

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
