import { createDecoder } from 'fast-jwt'
import { type DeviceKey, PROOF_ALGORITHMS, readDeviceKey } from './device-key.ts'

/** Why a text is no proof. These codes do not change. */
export type ProofRefusal = 'malformed' | 'type' | 'algorithm' | 'key' | 'signature'

/** A proof whose signature fits, and the key that signed it. Its claims are not checked yet. */
export interface Proof {
  readonly key: DeviceKey
  readonly claims: Readonly<Record<string, unknown>>
}

/** Twice what a browser sends with an RSA key of 4096 bits. */
const MAX_LENGTH = 8192

const decode = createDecoder({ complete: true }) as (text: string) => {
  header: { typ?: unknown; alg?: unknown; jwk?: unknown; crit?: unknown }
}

/**
 * Verifies a JWT that proves the possession of a key.
 *
 * @param typ - What the header has to call itself.
 * @param known - The key that has to have signed; `null` where the proof brings its own. A proof
 * for a known key brings none.
 */
export function verifyProof(
  text: string,
  typ: string,
  known: DeviceKey | null
): Proof | ProofRefusal {
  const header = text.length > MAX_LENGTH ? null : headerOf(text)
  // RFC 7515 section 4.1.11: `crit` names extensions that have to be understood, and we know none.
  if (header === null || header.crit !== undefined) return 'malformed'
  if (header.typ !== typ) return 'type'
  const algorithm = PROOF_ALGORITHMS.find((name) => name === header.alg)
  if (algorithm === undefined || (known !== null && known.algorithm !== algorithm))
    return 'algorithm'
  if (known !== null && header.jwk !== undefined) return 'key'
  const key = known ?? readDeviceKey(header.jwk, algorithm)
  return key === null ? 'key' : verifyWith(key, text)
}

/** Verifies a proof whose header is known to be good. */
export function verifyWith(key: DeviceKey, text: string): Proof | ProofRefusal {
  if (text.length > MAX_LENGTH) return 'malformed'
  const claims = key.verify(text)
  if (claims === null) return 'signature'
  return { key, claims: claims as Proof['claims'] }
}

function headerOf(text: string): ReturnType<typeof decode>['header'] | null {
  try {
    return decode(text).header
  } catch {
    return null
  }
}
