import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import type { JsonObject } from '../session/types.ts'
import type { KeyKind, PublicJwk, SigningAlgorithm } from './algorithms.ts'

/** `version` is a string on the wire, and its absence makes a JWT something else than a session's. */
const VERSION = '5'

/** What a verification key is made from. */
export interface VerificationKeyParts {
  readonly kid: string
  readonly kind: KeyKind
  readonly algorithm: SigningAlgorithm
  readonly publicKey: KeyObject
  /** It verifies nothing after this, milliseconds since the epoch. */
  readonly usableUntil: number
}

/** A key that verifies access tokens, with one algorithm and no other. */
export class VerificationKey {
  readonly kid: string
  readonly kind: KeyKind
  readonly algorithm: SigningAlgorithm
  /** It verifies nothing after this, milliseconds since the epoch. */
  usableUntil: number
  /** The header segment of access tokens of this key: it says `alg`, `typ`, `kid` and `version`. */
  readonly header: string
  /** Stands before what is hashed of tokens that this key has verified, so that no other key has. */
  readonly salt: string = randomBytes(16).toString('hex')
  readonly #verify: (token: string) => unknown

  constructor({ kid, kind, algorithm, publicKey, usableUntil }: VerificationKeyParts) {
    this.kid = kid
    this.kind = kind
    this.algorithm = algorithm
    this.usableUntil = usableUntil
    this.header = segment(accessTokenHeader(kid, algorithm))
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

/** The header of an access token, in the order of the wire. */
export function accessTokenHeader(kid: string, alg: SigningAlgorithm): AccessTokenHeader {
  return { alg, typ: 'JWT', kid, version: VERSION }
}

interface AccessTokenHeader {
  readonly alg: SigningAlgorithm
  readonly typ: 'JWT'
  readonly kid: string
  readonly version: '5'
}

function segment(header: object): string {
  return Buffer.from(JSON.stringify(header)).toString('base64url')
}
