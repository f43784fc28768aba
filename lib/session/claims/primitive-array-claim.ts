import { OptionsError } from '../../options/checks.ts'
import type { ClaimValidator } from '../types.ts'
import { checkPrimitive } from './primitive-claim.ts'
import { SessionClaim } from './session-claim.ts'
import { type ValidatorOptions, valueValidator } from './value-validator.ts'

/** A claim that is a list of strings, numbers, booleans or nulls. */
export class PrimitiveArrayClaim<T extends string | number | boolean | null> extends SessionClaim<
  readonly T[]
> {
  /** Validators of this claim. */
  readonly validators: PrimitiveArrayClaimValidators<T> = {
    includes: (value, options) => {
      this.#checkEach([value])
      return this.#expect((list) => list.includes(value), { expectedToInclude: value }, options)
    },
    excludes: (value, options) => {
      this.#checkEach([value])
      return this.#expect((list) => !list.includes(value), { expectedToNotInclude: value }, options)
    },
    includesAll: (values, options) => {
      this.#checkEach(values)
      return this.#expect(
        (list) => values.every((value) => list.includes(value)),
        { expectedToInclude: values },
        options
      )
    },
    includesAny: (values, options) => {
      this.#checkEach(values)
      return valueValidator<readonly T[]>(
        this,
        {
          passes: (list) => values.some((value) => list.includes(value)),
          expectation: { expectedToIncludeAtLeastOneOf: values },
          // As SuperTokens says it, word for word: front ends may go by it.
          expectationWithoutValue: { expectedToNotInclude: values }
        },
        options
      )
    },
    excludesAll: (values, options) => {
      this.#checkEach(values)
      return this.#expect(
        (list) => !values.some((value) => list.includes(value)),
        { expectedToNotInclude: values },
        options
      )
    }
  }

  #expect(
    passes: (list: readonly T[]) => boolean,
    expectation: Record<string, unknown>,
    options: ValidatorOptions | undefined
  ): ClaimValidator {
    return valueValidator<readonly T[]>(this, { passes, expectation }, options)
  }

  #checkEach(values: readonly unknown[]): void {
    const path = `${this.key}.validators.value`
    if (!Array.isArray(values)) throw new OptionsError(path, 'a list', values)
    for (const value of values) checkPrimitive(value, path)
  }
}

export interface PrimitiveArrayClaimValidators<T> {
  includes(value: T, options?: ValidatorOptions): ClaimValidator
  excludes(value: T, options?: ValidatorOptions): ClaimValidator
  /** An empty list passes. */
  includesAll(values: readonly T[], options?: ValidatorOptions): ClaimValidator
  /** An empty list fails. */
  includesAny(values: readonly T[], options?: ValidatorOptions): ClaimValidator
  /** An empty list passes. */
  excludesAll(values: readonly T[], options?: ValidatorOptions): ClaimValidator
}
