import type { Awaitable } from '../../awaitable.ts'
import type { SessionContext } from '../context.ts'
import type {
  Claim,
  ClaimResult,
  ClaimSubject,
  ClaimsValidationResult,
  ClaimValidator,
  SessionInformation
} from '../types.ts'
import { validateClaims, validatorsOf } from './validate-claims.ts'

/** Claims of sessions by handle: as the store has them, whatever access tokens are out. */

const GONE = { status: 'SESSION_DOES_NOT_EXIST_ERROR' } as const

export async function fetchClaim(
  context: SessionContext,
  handle: string,
  claim: Claim<unknown>
): Promise<boolean> {
  const information = await context.sessions.info(handle)
  if (information === null) return false
  const value = await claim.fetchValue(subjectOf(information), information.accessTokenPayload)
  return value === undefined || setClaim(context, handle, claim, value)
}

export async function setClaim<T>(
  { sessions, clock }: SessionContext,
  handle: string,
  claim: Claim<T>,
  value: T
): Promise<boolean> {
  return sessions.mergePayload(handle, claim.toPayload(value, clock.now()))
}

export async function getClaim<T>(
  { sessions }: SessionContext,
  handle: string,
  claim: Claim<T>
): Promise<ClaimResult<T>> {
  const information = await sessions.info(handle)
  if (information === null) return GONE
  return { status: 'OK', value: claim.valueIn(information.accessTokenPayload) }
}

export async function removeClaim(
  { sessions }: SessionContext,
  handle: string,
  claim: Claim<unknown>
): Promise<boolean> {
  return sessions.mergePayload(handle, { [claim.key]: null })
}

export async function validateStoredClaims(
  { sessions, settings: { globalClaimValidators }, clock }: SessionContext,
  handle: string,
  override?: (
    globalValidators: readonly ClaimValidator[],
    information: SessionInformation
  ) => Awaitable<readonly ClaimValidator[]>
): Promise<ClaimsValidationResult> {
  const information = await sessions.info(handle)
  if (information === null) return GONE
  const validators = await validatorsOf(globalClaimValidators, information, override)
  const { failures, update } = await validateClaims(
    validators,
    subjectOf(information),
    information.accessTokenPayload,
    clock.now()
  )
  if (update !== null && !(await sessions.mergePayload(handle, update))) return GONE
  return { status: 'OK', invalidClaims: failures }
}

function subjectOf({ userId, tenantId }: SessionInformation): ClaimSubject {
  return { userId, recipeUserId: userId, tenantId }
}
