import { type Awaitable, isPromise } from '../../awaitable.ts'
import type { ClaimValidationError } from '../../errors/session-errors.ts'
import { type Check, listOf, OptionsError } from '../../options/checks.ts'
import type {
  AccessTokenPayload,
  Claim,
  ClaimContext,
  ClaimSubject,
  ClaimValidation,
  ClaimValidator,
  GlobalClaimValidators,
  JsonObject,
  Session,
  SessionInformation
} from '../types.ts'

/** Who an access token belongs to, as claims ask for it. */
export function claimSubject({ sub, rsub, tId }: AccessTokenPayload): ClaimSubject {
  return { userId: sub, recipeUserId: rsub, tenantId: tId }
}

/** @throws {@link OptionsError} It is no claim. */
export function checkClaim(value: unknown, path: string): void {
  const { key, fetchValue, toPayload, valueIn } = Object(value) as Partial<Claim<unknown>>
  const functions = [fetchValue, toPayload, valueIn]
  if (typeof key !== 'string' || functions.some((member) => typeof member !== 'function'))
    throw new OptionsError(path, 'a claim', value)
}

/** @throws {@link OptionsError} It is no list of claim validators. */
export const checkValidators: Check<readonly ClaimValidator[]> = listOf('claim validators', [
  'validate'
])

/**
 * The validators of a session: the global ones, or what an override makes of them.
 *
 * @throws {@link OptionsError} At once or as a rejection: a function of the app has answered no list
 * of claim validators.
 */
export function validatorsOf<S extends Session | SessionInformation>(
  validators: readonly ClaimValidator[] | GlobalClaimValidators,
  session: S,
  override:
    | ((global: readonly ClaimValidator[], session: S) => Awaitable<readonly ClaimValidator[]>)
    | undefined
): Awaitable<readonly ClaimValidator[]> {
  const all =
    typeof validators === 'function'
      ? checkAnswer(validators(session), 'globalClaimValidators()')
      : validators
  if (override === undefined) return all
  const answer = isPromise(all)
    ? all.then((list) => override(list, session))
    : override(all, session)
  return checkAnswer(answer, 'overrideGlobalClaimValidators()')
}

function checkAnswer(
  answer: Awaitable<readonly ClaimValidator[]>,
  path: string
): Awaitable<readonly ClaimValidator[]> {
  if (isPromise(answer)) return answer.then((list) => checkAnswer(list, path))
  checkValidators(answer, path)
  return answer
}

/** What validators found. */
export interface ClaimsResult {
  readonly failures: readonly ClaimValidationError[]
  /** Claims that were fetched anew and have to go into the payload; `null` for none. */
  readonly update: JsonObject | null
}

/**
 * Fetches anew the claims that validators want fresh, one after the other, then runs all of them on
 * the result, and answers those that did not pass.
 *
 * Answers at once where nothing is fetched and every validator answers at once.
 */
export function validateClaims(
  validators: readonly ClaimValidator[],
  subject: ClaimSubject,
  payload: JsonObject,
  nowMs: number
): Awaitable<ClaimsResult> {
  const context = { nowMs }
  for (const [index, validator] of validators.entries()) {
    const isStale = validator.claim !== undefined && validator.shouldRefetch(payload, context)
    if (isStale !== false)
      return refetchAndValidate(validators, subject, payload, context, { index, isStale })
  }
  return run(validators, payload, null, context)
}

/** @param first - The first validator that may want its claim fetched, and what it has answered. */
async function refetchAndValidate(
  validators: readonly ClaimValidator[],
  subject: ClaimSubject,
  payload: JsonObject,
  context: ClaimContext,
  first: { readonly index: number; readonly isStale: Awaitable<boolean> }
): Promise<ClaimsResult> {
  let current = payload
  const update: JsonObject = {}
  for (const [index, validator] of validators.entries()) {
    if (index < first.index || validator.claim === undefined) continue
    const isStale =
      index === first.index ? first.isStale : validator.shouldRefetch(current, context)
    if (!(await isStale)) continue
    const value = await validator.claim.fetchValue(subject, current)
    if (value === undefined) continue
    const members = validator.claim.toPayload(value, context.nowMs)
    Object.assign(update, members)
    current = { ...current, ...members }
  }
  const isChanged = Object.keys(update).length > 0
  return run(validators, current, isChanged ? update : null, context)
}

function run(
  validators: readonly ClaimValidator[],
  payload: JsonObject,
  update: JsonObject | null,
  context: ClaimContext
): Awaitable<ClaimsResult> {
  const results = validators.map((validator) => validate(validator, payload, context))
  return results.some(isPromise)
    ? Promise.all(results).then((settled) => ({
        failures: failuresOf(validators, settled),
        update
      }))
    : { failures: failuresOf(validators, results as ClaimValidation[]), update }
}

/** Where one throws while another has yet to answer, that one's failure must have somebody as well. */
function validate(
  validator: ClaimValidator,
  payload: JsonObject,
  context: ClaimContext
): Awaitable<ClaimValidation | undefined> {
  try {
    return validator.validate(payload, context)
  } catch (error) {
    return Promise.reject(error)
  }
}

function failuresOf(
  validators: readonly ClaimValidator[],
  results: readonly (ClaimValidation | undefined)[]
): ClaimValidationError[] {
  const failures: ClaimValidationError[] = []
  for (const [index, { id }] of validators.entries()) {
    const result = results[index]
    // One that forgot to answer lets nobody pass.
    if (result?.isValid === true) continue
    failures.push(result?.reason === undefined ? { id } : { id, reason: result.reason })
  }
  return failures
}
