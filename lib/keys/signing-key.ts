import { createPublicKey, type KeyObject } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import type { JsonObject } from '../session/types.ts'
import type { KeyKind, PublicJwk, SigningAlgorithm } from './algorithms.ts'

/** `version` is a string on the wire, and its absence makes a JWT something else than a session's. */
const VERSION = '5'

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

/** A key that signs access tokens and verifies them, with one algorithm and no other. */
export class SigningKey {
  readonly kid: string
  readonly kind: KeyKind
  readonly algorithm: SigningAlgorithm
  readonly createdAt: number
  readonly jwk: PublicJwk
  /** It verifies nothing after this, milliseconds since the epoch. */
  usableUntil: number
  /** The header segment of every access token of this key: it says `typ`, `alg`, `kid` and `version`. */
  readonly header: string
  /** Signs an access token of version 5. */
  readonly signAccessToken: (payload: JsonObject) => string
  /** Signs a JWT that is no access token. */
  readonly signJwt: (payload: JsonObject) => string
  readonly #verify: (token: string) => unknown

  constructor({ kid, kind, algorithm, createdAt, expiresAt, pem }: SigningKeyParts) {
    const publicKey = createPublicKey(pem)
    this.kid = kid
    this.kind = kind
    this.algorithm = algorithm
    this.createdAt = createdAt
    this.usableUntil = expiresAt ?? Number.POSITIVE_INFINITY
    this.jwk = toJwk(publicKey, kid, algorithm)
    this.signJwt = createSigner({ key: pem, algorithm, kid })
    // In the order of the wire. fast-jwt's types do not know names of one's own.
    const header = { alg: algorithm, typ: 'JWT', kid, version: VERSION }
    this.signAccessToken = createSigner({ key: pem, algorithm, kid, header })
    this.header = segment(header)
    this.#verify = createVerifier({
      key: publicKey.export({ type: 'spki', format: 'pem' }) as string,
      algorithms: [algorithm],
      cache: false,
      // By our clock, which may be the store's.
      ignoreExpiration: true,
      ignoreNotBefore: true
    })
  }

  /** The payload of a JWT that this key signed; `null` for any other. Does not look at its times. */
  verify(token: string): unknown {
    try {
      return this.#verify(token)
    } catch {
      return null
    }
  }
}

function segment(header: JsonObject): string {
  return Buffer.from(JSON.stringify(header)).toString('base64url')
}

function toJwk(publicKey: KeyObject, kid: string, algorithm: SigningAlgorithm): PublicJwk {
  const { kty = '', ...members } = publicKey.export({ format: 'jwk' })
  return { kty, kid, ...members, alg: algorithm, use: 'sig' }
}
