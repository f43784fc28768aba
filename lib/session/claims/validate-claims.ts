import type {
  AccessTokenPayload,
  ClaimValidation,
  ClaimValidator
} from '../../../types/session.d.ts'
import type { Awaitable } from '../../../types/store.d.ts'
import type { ClaimValidationError } from '../../errors/session-errors.ts'

/**
 * Runs validators in their order, all of them, and answers those that did not pass.
 *
 * Answers at once where every validator does.
 */
export function validateClaims(
  validators: readonly ClaimValidator[],
  payload: AccessTokenPayload
): Awaitable<ClaimValidationError[]> {
  const results = validators.map((validator) => validator.validate(payload))
  return results.some((result) => 'then' in result)
    ? Promise.all(results).then((settled) => failuresOf(validators, settled))
    : failuresOf(validators, results as ClaimValidation[])
}

function failuresOf(
  validators: readonly ClaimValidator[],
  results: readonly ClaimValidation[]
): ClaimValidationError[] {
  return validators.flatMap(({ id }, index) => {
    const result = results[index]
    if (result === undefined || result.isValid) return []
    return [result.reason === undefined ? { id } : { id, reason: result.reason }]
  })
}
