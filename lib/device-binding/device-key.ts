import { createPublicKey, hash, type JsonWebKey } from 'node:crypto'
import { createVerifier } from 'fast-jwt'

/** How a device may sign its proofs. The draft of DBSC knows no others. */
export const PROOF_ALGORITHMS = ['ES256', 'RS256'] as const
export type ProofAlgorithm = (typeof PROOF_ALGORITHMS)[number]

/** The public key of a device, with the members that RFC 7638 section 3.2 asks for, in its order. */
export type DeviceJwk =
  | { readonly crv: 'P-256'; readonly kty: 'EC'; readonly x: string; readonly y: string }
  | { readonly e: string; readonly kty: 'RSA'; readonly n: string }

/** The key that a session is bound to. */
export interface DeviceKey {
  readonly algorithm: ProofAlgorithm
  readonly jwk: DeviceJwk
  /** The thumbprint (RFC 7638), SHA-256 in base64url: `jkt` of RFC 9449. */
  readonly jkt: string
  /** The payload of a JWT that this key signed; `null` for any other. Looks at no claim. */
  readonly verify: (text: string) => unknown
}

/** Members of JWKs that are not public (RFC 7518 section 6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
/** 256 bits in base64url. */
const COORDINATE = /^[A-Za-z0-9_-]{43}$/
/** 65537. Others are rare, and a large one makes each check dear. */
const RSA_EXPONENT = 'AQAB'
/** RFC 7518 section 3.3 asks for 2048 bits or more; beyond 4096 each check is dear. */
const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 4096
/** 4096 bits in base64url. */
const RSA_MODULUS = /^[A-Za-z0-9_-]{342,683}$/

/** Reads the public key of a device; `null` for a key that we do not take for this algorithm. */
export function readDeviceKey(value: unknown, algorithm: ProofAlgorithm): DeviceKey | null {
  const jwk = publicJwk(value, algorithm)
  if (jwk === null) return null
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    if (bits !== undefined && (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS)) return null
    const pem = key.export({ type: 'spki', format: 'pem' }) as string
    return { algorithm, jwk, jkt: thumbprintOf(jwk), verify: verifierOf(pem, algorithm) }
  } catch {
    // Not a point of the curve, or no modulus.
    return null
  }
}

/** The thumbprint of a JWK with only the members that it is computed from. */
export function thumbprintOf(jwk: DeviceJwk): string {
  return hash('sha256', JSON.stringify(jwk), 'base64url')
}

function publicJwk(value: unknown, algorithm: ProofAlgorithm): DeviceJwk | null {
  const { kty, crv, x, y, n, e, ...others } = Object(value) as Record<string, unknown>
  if (PRIVATE_MEMBERS.some((name) => name in others)) return null
  if (algorithm === 'ES256')
    return kty === 'EC' && crv === 'P-256' && matches(x, COORDINATE) && matches(y, COORDINATE)
      ? { crv, kty, x, y }
      : null
  return kty === 'RSA' && e === RSA_EXPONENT && matches(n, RSA_MODULUS) ? { e, kty, n } : null
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value)
}

function verifierOf(pem: string, algorithm: ProofAlgorithm): DeviceKey['verify'] {
  const verify = createVerifier({
    key: pem,
    algorithms: [algorithm],
    cache: false,
    // Proofs have no such claims; what has to be recent is checked by our clock.
    ignoreExpiration: true,
    ignoreNotBefore: true
  })
  return (text) => {
    try {
      return verify(text)
    } catch {
      return null
    }
  }
}
