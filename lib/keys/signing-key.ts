import { createPublicKey, type KeyObject } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import type { JsonObject } from '../session/types.ts'
import type { KeyKind, PublicJwk, SigningAlgorithm } from './algorithms.ts'
import { accessTokenHeader, VerificationKey } from './verification-key.ts'

/** Facts that a signing key is made from. `pem` is the private key as PKCS #8. */
export interface SigningKeyParts {
  readonly kid: string
  readonly kind: KeyKind
  readonly algorithm: SigningAlgorithm
  readonly createdAt: number
  /** After that it verifies nothing any more; `null`: never. */
  readonly expiresAt: number | null
  readonly pem: string
}

/** A key that signs access tokens and verifies them. */
export class SigningKey extends VerificationKey {
  readonly createdAt: number
  readonly jwk: PublicJwk
  /** Signs an access token of version 5. */
  readonly signAccessToken: (payload: JsonObject) => string
  /** Signs a JWT that is no access token. */
  readonly signJwt: (payload: JsonObject) => string

  constructor({ kid, kind, algorithm, createdAt, expiresAt, pem }: SigningKeyParts) {
    const publicKey = createPublicKey(pem)
    const usableUntil = expiresAt ?? Number.POSITIVE_INFINITY
    super({ kid, kind, algorithm, publicKey, usableUntil })
    this.createdAt = createdAt
    this.jwk = toJwk(publicKey, kid, algorithm)
    this.signJwt = createSigner({ key: pem, algorithm, kid })
    // fast-jwt's types do not know names of one's own.
    const header = accessTokenHeader(kid, algorithm)
    this.signAccessToken = createSigner({ key: pem, algorithm, kid, header })
  }
}

function toJwk(publicKey: KeyObject, kid: string, algorithm: SigningAlgorithm): PublicJwk {
  const { kty = '', ...members } = publicKey.export({ format: 'jwk' })
  return { kty, kid, ...members, alg: algorithm, use: 'sig' }
}
