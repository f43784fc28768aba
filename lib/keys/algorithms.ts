import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { SigningAlgorithm } from './types.ts'

const generate = promisify(generateKeyPair)

/** Everything that differs between signing algorithms; nobody else compares their names. */
export interface Algorithm {
  /** `alg` of RFC 7518 section 3.1 and RFC 8037 section 3.1. */
  readonly name: SigningAlgorithm
  /** What is signed is the input's digest; `null`: the input itself. */
  readonly digest: 'sha256' | null
  /** Makes a private key, off the event loop. */
  generatePrivateKey(): Promise<KeyObject>
}

export const algorithms: { readonly [Name in SigningAlgorithm]: Algorithm } = {
  RS256: {
    name: 'RS256',
    digest: 'sha256',
    // RFC 7518 section 3.3: 2048 bits or larger; larger only makes every signature dearer.
    generatePrivateKey: async () => (await generate('rsa', { modulusLength: 2048 })).privateKey
  },
  ES256: {
    name: 'ES256',
    digest: 'sha256',
    generatePrivateKey: async () => (await generate('ec', { namedCurve: 'P-256' })).privateKey
  },
  EdDSA: {
    name: 'EdDSA',
    digest: null,
    generatePrivateKey: async () => (await generate('ed25519')).privateKey
  }
}
