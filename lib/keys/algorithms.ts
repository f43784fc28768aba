import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

/** How access tokens are signed (RFC 7518 section 3.1, RFC 8037). */
export type SigningAlgorithm = 'RS256' | 'ES256' | 'EdDSA'

/** A dynamic key signs for one update interval; a static key is never rotated. */
export type KeyKind = 'dynamic' | 'static'

/** The kind that a `kid` says, `null` for one of neither. */
export function kindOf(kid: string): KeyKind | null {
  return kid.startsWith('d-') ? 'dynamic' : kid.startsWith('s-') ? 'static' : null
}

/** A public key as it is published (RFC 7517). */
export interface PublicJwk {
  readonly kty: string
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly use: 'sig'
  readonly [member: string]: unknown
}

const generate = promisify(generateKeyPair)

/** Makes a private key for each signing algorithm, off the event loop. */
const generators: {
  readonly [Name in SigningAlgorithm]: () => Promise<{ privateKey: KeyObject }>
} = {
  // RFC 7518 section 3.3: 2048 bits or larger; larger only makes every signature dearer.
  RS256: () => generate('rsa', { modulusLength: 2048 }),
  ES256: () => generate('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generate('ed25519')
}

/** A new private key as PKCS #8 in PEM. */
export async function generatePrivateKey(algorithm: SigningAlgorithm): Promise<string> {
  const { privateKey } = await generators[algorithm]()
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}
