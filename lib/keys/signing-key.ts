import { createPrivateKey, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import type { KeyKind, PublicJwk, SigningAlgorithm } from '../../types/keys.d.ts'
import type { JsonObject } from '../../types/session.d.ts'
import { algorithms } from './algorithms.ts'

/** RFC 7515 section 2: no padding, no line breaks. `Buffer.from` passes over them. */
const BASE64URL = /^[A-Za-z0-9_-]+$/

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
  readonly #publicKey: KeyObject

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
    this.#publicKey = publicKey
  }

  /**
   * Checks the signature of a JWT and nothing else.
   *
   * What the token says of its algorithm is not looked at: this key has its own.
   */
  verifySignature(token: string): boolean {
    const inputEnd = token.lastIndexOf('.')
    const signature = token.slice(inputEnd + 1)
    if (!BASE64URL.test(signature)) return false
    return verify(
      algorithms[this.algorithm].digest,
      Buffer.from(token.slice(0, inputEnd)),
      // RFC 7518 section 3.4: the two numbers of an ES256 signature follow one another, without DER.
      { key: this.#publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url')
    )
  }
}

function toJwk(publicKey: KeyObject, kid: string, algorithm: SigningAlgorithm): PublicJwk {
  const { kty = '', ...members } = publicKey.export({ format: 'jwk' })
  return { kty, kid, ...members, alg: algorithm, use: 'sig' }
}
