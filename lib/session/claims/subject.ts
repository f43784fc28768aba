import type { AccessTokenPayload, ClaimSubject } from '../types.ts'

/** Who an access token belongs to, as claims ask for it. */
export function claimSubject({ sub, rsub, tId }: AccessTokenPayload): ClaimSubject {
  return { userId: sub, recipeUserId: rsub, tenantId: tId }
}
