/** How access tokens are signed (RFC 7518 section 3.1, RFC 8037). */
export type SigningAlgorithm = 'RS256' | 'ES256' | 'EdDSA'

/** A dynamic key signs for one update interval; a static key is never rotated. */
export type KeyKind = 'dynamic' | 'static'

/** A public key as it is published (RFC 7517). */
export interface PublicJwk {
  readonly kty: string
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly use: 'sig'
  readonly [member: string]: unknown
}
