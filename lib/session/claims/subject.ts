import type { ClaimSubject } from '../../../types/claims.d.ts'
import type { AccessTokenPayload } from '../../../types/session.d.ts'

/** Who an access token belongs to, as claims ask for it. */
export function claimSubject({ sub, rsub, tId }: AccessTokenPayload): ClaimSubject {
  return { userId: sub, recipeUserId: rsub, tenantId: tId }
}
