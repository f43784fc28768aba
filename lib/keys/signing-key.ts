import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import type { KeyKind, PublicJwk, SigningAlgorithm } from '../../types/keys.d.ts'
import type { JsonObject } from '../../types/session.d.ts'

/** Facts that a signing key is made from. `pem` is the private key as PKCS #8. */
export interface SigningKeyParts {
  readonly kid: string
  readonly kind: KeyKind
  readonly algorithm: SigningAlgorithm
  readonly createdAt: number
  readonly pem: string
}

/** A key that signs access tokens and verifies them, with one algorithm and no other. */
export class SigningKey {
  readonly kid: string
  readonly kind: KeyKind
  readonly algorithm: SigningAlgorithm
  readonly createdAt: number
  readonly jwk: PublicJwk
  /** Signs an access token of version 5. */
  readonly signAccessToken: (payload: JsonObject) => string
  /** Signs a JWT that is no access token. */
  readonly signJwt: (payload: JsonObject) => string
  /** Checks the signature and nothing else; throws where it does not fit. */
  readonly verifySignature: (token: string) => unknown

  constructor({ kid, kind, algorithm, createdAt, pem }: SigningKeyParts) {
    const publicKey = createPublicKey(createPrivateKey(pem))
    this.kid = kid
    this.kind = kind
    this.algorithm = algorithm
    this.createdAt = createdAt
    this.jwk = toJwk(publicKey, kid, algorithm)
    // `version` is a string on the wire, and its absence makes a JWT something else than a session's.
    this.signAccessToken = createSigner({
      key: pem,
      algorithm,
      kid,
      header: { alg: algorithm, version: '5' } as { alg: string }
    })
    this.signJwt = createSigner({ key: pem, algorithm, kid })
    this.verifySignature = createVerifier({
      key: publicKey.export({ type: 'spki', format: 'pem' }) as string,
      // Pinned: a token that says `none`, or HS256 with our public key as its secret, fails here.
      algorithms: [algorithm],
      cache: false,
      // Both are checked against the clock of the app, which tests can set.
      ignoreExpiration: true,
      ignoreNotBefore: true
    })
  }
}

function toJwk(publicKey: KeyObject, kid: string, algorithm: SigningAlgorithm): PublicJwk {
  const { kty = '', ...members } = publicKey.export({ format: 'jwk' })
  return { kty, kid, ...members, alg: algorithm, use: 'sig' }
}
