import type { SameSite } from '../options/cookies.ts'
import { type BoundCookieSettings, BoundCookies } from './bound-cookie.ts'
import { Challenges } from './challenges.ts'
import type { DeviceKey } from './device-key.ts'
import { type Proof, type ProofRefusal, verifyProof } from './proof.ts'

/** Names of the headers of Device Bound Session Credentials (W3C draft). */
export const REGISTRATION_HEADER = 'secure-session-registration'
export const CHALLENGE_HEADER = 'secure-session-challenge'
export const PROOF_HEADER = 'secure-session-response'
export const SESSION_ID_HEADER = 'sec-secure-session-id'

const TYPE = 'dbsc+jwt'
/** How long a browser may take to sign; it does so at once. */
const CHALLENGE_LIFETIME_MS = 300_000

export interface DbscSettings {
  /** Origin of the API: a session covers all of it. */
  readonly origin: string
  /** Paths of our two routes as the browser sees them. */
  readonly registrationPath: string
  readonly refreshPath: string
  /** Hosts of other origins whose pages call the API. */
  readonly initiators: readonly string[]
  readonly cookie: BoundCookieSettings
}

/**
 * The server's side of Device Bound Session Credentials: what browsers are told, and their proofs.
 *
 * The browser knows a session by its handle. Nothing is remembered here.
 */
export class Dbsc {
  readonly cookies: BoundCookies
  readonly #settings: DbscSettings
  readonly #registrations: Challenges
  readonly #refreshes: Challenges

  /** @param keys - The first one issues, all of them read. At least one. */
  constructor(keys: readonly Buffer[], settings: DbscSettings) {
    // A challenge for the next refresh is handed out with a cookie, and waits for its end.
    const refreshLifetimeMs = settings.cookie.lifetimeMs + CHALLENGE_LIFETIME_MS
    this.cookies = new BoundCookies(keys, settings.cookie)
    this.#settings = settings
    this.#registrations = new Challenges(keys, 'registration', CHALLENGE_LIFETIME_MS)
    this.#refreshes = new Challenges(keys, 'refresh', refreshLifetimeMs)
  }

  /** Asks the browser to make a key for a session and to prove it. */
  registrationHeader(handle: string, nowMs: number): string {
    const path = JSON.stringify(this.#settings.registrationPath)
    const challenge = JSON.stringify(this.#registrations.issue(handle, nowMs))
    return `(ES256 RS256);path=${path};challenge=${challenge}`
  }

  /** The challenge that the browser is to sign for the next bound cookie. */
  challengeHeader(handle: string, nowMs: number): string {
    const challenge = JSON.stringify(this.#refreshes.issue(handle, nowMs))
    return `${challenge};id=${JSON.stringify(handle)}`
  }

  /** The JSON session instructions that answer a registration and a refresh. */
  instructions(handle: string, sameSite: SameSite): Record<string, unknown> {
    const { origin, refreshPath, initiators } = this.#settings
    const { name } = this.cookies
    return {
      session_identifier: handle,
      refresh_url: refreshPath,
      scope: { origin, include_site: false, scope_specification: [] },
      credentials: [{ type: 'cookie', name, attributes: this.cookies.attributes(sameSite) }],
      ...(initiators.length > 0 && { allowed_refresh_initiators: initiators })
    }
  }

  /** The key that answers the challenge of a session's registration, or why the proof is refused. */
  readRegistration(
    text: string,
    handle: string,
    nowMs: number
  ): DeviceKey | ProofRefusal | 'challenge' {
    const proof = readProof(text, null)
    if (typeof proof === 'string') return proof
    const issuedAt = this.#registrations.read(proof.challenge, handle, nowMs)
    return typeof issuedAt === 'string' ? 'challenge' : proof.key
  }

  /**
   * When the challenge was issued that a session's key has answered, or why the proof is refused:
   * `challenge` where a new one helps.
   */
  readRefresh(
    text: string,
    handle: string,
    key: DeviceKey,
    nowMs: number
  ): number | ProofRefusal | 'challenge' {
    const proof = readProof(text, key)
    if (typeof proof === 'string') return proof
    const issuedAt = this.#refreshes.read(proof.challenge, handle, nowMs)
    return typeof issuedAt === 'string' ? 'challenge' : issuedAt
  }
}

/** The instructions that end the browser's side of a session. */
export function endInstructions(handle: string): Record<string, unknown> {
  return { session_identifier: handle, continue: false }
}

function readProof(
  text: string,
  known: DeviceKey | null
): (Proof & { readonly challenge: string }) | ProofRefusal {
  // The draft calls the value a string of structured fields; browsers send it bare.
  const proof = verifyProof(text.replace(/^"(.*)"$/, '$1'), TYPE, known)
  if (typeof proof === 'string') return proof
  const { jti } = proof.claims
  return typeof jti === 'string' ? { ...proof, challenge: jti } : 'malformed'
}
