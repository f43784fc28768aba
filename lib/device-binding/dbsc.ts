import type { DeviceKey } from './device-key.ts'
import { type Proof, type ProofRefusal, verifyProof } from './proof.ts'

/** Names of the headers of Device Bound Session Credentials (W3C draft). */
export const REGISTRATION_HEADER = 'secure-session-registration'
export const CHALLENGE_HEADER = 'secure-session-challenge'
export const PROOF_HEADER = 'secure-session-response'
export const SESSION_ID_HEADER = 'sec-secure-session-id'

const TYPE = 'dbsc+jwt'

/** Asks the browser to make a key and to prove it at `path`. */
export function registrationHeader(path: string, challenge: string): string {
  return `(ES256 RS256);path=${JSON.stringify(path)};challenge=${JSON.stringify(challenge)}`
}

/** The challenge that the browser is to sign next. */
export function challengeHeader(sessionId: string, challenge: string): string {
  return `${JSON.stringify(challenge)};id=${JSON.stringify(sessionId)}`
}

/**
 * Verifies a proof, but not its challenge.
 *
 * @param known - The session's key; `null` at registration, where the proof brings one.
 * @returns The key that signed and the challenge that it signed, or why the proof is refused.
 */
export function verifyDbscProof(
  text: string,
  known: DeviceKey | null
): (Proof & { readonly challenge: string }) | ProofRefusal {
  // The draft calls the value a string of structured fields; browsers send it bare.
  const proof = verifyProof(text.replace(/^"(.*)"$/, '$1'), TYPE, known)
  if (typeof proof === 'string') return proof
  const { jti } = proof.claims
  return typeof jti === 'string' ? { ...proof, challenge: jti } : 'malformed'
}

/** What a browser has to know of a session. */
export interface DbscSession {
  readonly id: string
  /** Of the API: the session covers all of it. */
  readonly origin: string
  readonly refreshPath: string
  readonly cookie: { readonly name: string; readonly attributes: string }
  /** Hosts of other origins whose pages call the API. */
  readonly initiators: readonly string[]
}

/** The JSON session instructions that answer a registration and a refresh. */
export function sessionInstructions(session: DbscSession): Record<string, unknown> {
  const { id, origin, refreshPath, cookie, initiators } = session
  return {
    session_identifier: id,
    refresh_url: refreshPath,
    scope: { origin, include_site: false, scope_specification: [] },
    credentials: [{ type: 'cookie', name: cookie.name, attributes: cookie.attributes }],
    ...(initiators.length > 0 && { allowed_refresh_initiators: initiators })
  }
}

/** The instructions that end the browser's side of a session. */
export function endInstructions(id: string): Record<string, unknown> {
  return { session_identifier: id, continue: false }
}
