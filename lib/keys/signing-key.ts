import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import type { JsonObject } from '../session/types.ts'
import { algorithms } from './algorithms.ts'
import type { KeyKind, PublicJwk, SigningAlgorithm } from './types.ts'

/** RFC 7518 section 3.4: the two numbers of an ES256 signature follow one another, without DER. */
const DSA_ENCODING = 'ieee-p1363'
/** RFC 7515 section 2: no padding, no line breaks. `Buffer.from` passes over them. */
const BASE64URL = /^[A-Za-z0-9_-]+$/

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
  /** Signs a JWT that is no access token. */
  readonly signJwt: (payload: JsonObject) => string
  /** Of every access token, followed by its dot. */
  readonly #header: string
  readonly #expiresAt: number
  readonly #privateKey: KeyObject
  readonly #publicKey: KeyObject

  constructor({ kid, kind, algorithm, createdAt, expiresAt, pem }: SigningKeyParts) {
    const privateKey = createPrivateKey(pem)
    const publicKey = createPublicKey(privateKey)
    this.kid = kid
    this.kind = kind
    this.algorithm = algorithm
    this.createdAt = createdAt
    this.#expiresAt = expiresAt ?? Number.POSITIVE_INFINITY
    this.jwk = toJwk(publicKey, kid, algorithm)
    this.signJwt = createSigner({ key: pem, algorithm, kid })
    // `version` is a string on the wire, and its absence makes a JWT something else than a session's.
    this.#header = `${encode({ alg: algorithm, typ: 'JWT', kid, version: '5' })}.`
    this.#privateKey = privateKey
    this.#publicKey = publicKey
  }

  isExpired(nowMs: number): boolean {
    return nowMs > this.#expiresAt
  }

  /** Signs an access token of version 5. By hand: `signJwt` takes 7 microseconds more for ES256. */
  signAccessToken(payload: JsonObject): string {
    const input = this.#header + encode(payload)
    const signature = sign(algorithms[this.algorithm].digest, Buffer.from(input), {
      key: this.#privateKey,
      dsaEncoding: DSA_ENCODING
    })
    return `${input}.${signature.toString('base64url')}`
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
      { key: this.#publicKey, dsaEncoding: DSA_ENCODING },
      Buffer.from(signature, 'base64url')
    )
  }
}

function encode(part: JsonObject): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function toJwk(publicKey: KeyObject, kid: string, algorithm: SigningAlgorithm): PublicJwk {
  const { kty = '', ...members } = publicKey.export({ format: 'jwk' })
  return { kty, kid, ...members, alg: algorithm, use: 'sig' }
}
