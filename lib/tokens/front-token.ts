import type { AccessTokenPayload } from '../session/types.ts'

/** Says to the browser SDK that the session is gone. */
export const REMOVE_FRONT_TOKEN = 'remove'

/** What page JavaScript may know of a session: user, expiry in milliseconds, claims. Unsigned. */
export function encodeFrontToken(payload: AccessTokenPayload): string {
  const facts = { uid: payload.sub, ate: payload.exp * 1000, up: payload }
  return Buffer.from(JSON.stringify(facts)).toString('base64')
}
