import { type ClaimValidator, PrimitiveClaim } from '../lib/index.ts'

type TextClaim = PrimitiveClaim<string>

/** Claims that every session has, with the same value. */
export function benchClaims(count: number): TextClaim[] {
  return Array.from(
    { length: count },
    (_, index) => new PrimitiveClaim({ key: `claim-${index}`, fetchValue: () => 'granted' })
  )
}

/** A validator for each of them, which passes. */
export function benchValidators(count: number): ClaimValidator[] {
  return benchClaims(count).map((claim) => claim.validators.hasValue('granted'))
}
