import type { JsonObject, NewSession } from './types.ts'

/** Twice in each token, in JSON: with the largest claims it is still one that is accepted. */
const MAX_USER_ID_BYTES = 512
/** As in SuperTokens' core. The tenant is a part of every token. */
const MAX_TENANT_ID_LENGTH = 64

/**
 * Checks what the app wants a session to start with, and fills in the defaults.
 *
 * @throws TypeError Names the field and what it has to be.
 */
export function checkNewSession(input: NewSession): Required<NewSession> {
  const { userId, tenantId = 'public' } = input
  if (typeof userId !== 'string' || userId === '' || bytesInJson(userId) > MAX_USER_ID_BYTES)
    throw new TypeError(`userId must be a string of 1 to ${MAX_USER_ID_BYTES} bytes in JSON`)
  // The tenant stands in the handle behind an underscore, which it therefore has none of.
  if (
    typeof tenantId !== 'string' ||
    !/^[A-Za-z0-9-]+$/.test(tenantId) ||
    tenantId.length > MAX_TENANT_ID_LENGTH
  )
    throw new TypeError(
      `tenantId must be a string of 1 to ${MAX_TENANT_ID_LENGTH} letters, digits and hyphens`
    )
  return {
    userId,
    tenantId,
    accessTokenPayload: objectOrEmpty('accessTokenPayload', input.accessTokenPayload),
    sessionData: objectOrEmpty('sessionData', input.sessionData)
  }
}

/** @throws TypeError It is something else than an object. */
export function objectOrEmpty(name: string, value: JsonObject | undefined | null): JsonObject {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new TypeError(`${name} must be an object`)
  return value
}

function bytesInJson(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - '""'.length
}
