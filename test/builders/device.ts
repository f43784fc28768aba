import { createHmac, generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto'

/** A device of a user: it has a key and signs proofs with it, right ones and wrong ones. */
export class Device {
  readonly privateKey: KeyObject
  readonly jwk: Record<string, unknown>
  readonly algorithm: 'ES256' | 'RS256'

  /** @param rsaBits - The size of an RSA key; without it the key is on the curve P-256. */
  constructor(rsaBits?: number) {
    const { privateKey, publicKey } =
      rsaBits === undefined
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: rsaBits })
    this.privateKey = privateKey
    this.jwk = { ...publicKey.export({ format: 'jwk' }) }
    this.algorithm = rsaBits === undefined ? 'ES256' : 'RS256'
  }

  /** The answer to the challenge of a registration. */
  register(challenge: string, header: object = {}): string {
    return this.sign({ typ: 'dbsc+jwt', jwk: this.jwk, ...header }, { jti: challenge })
  }

  /** The answer to the challenge of a refresh. */
  answer(challenge: string, header: object = {}): string {
    return this.sign({ typ: 'dbsc+jwt', ...header }, { jti: challenge })
  }

  /** A DPoP proof; `token` is named in it. */
  dpop(claims: object, token?: string, header: object = {}): string {
    const ath = token === undefined ? {} : { ath: hash('sha256', token, 'base64url') }
    const payload = { jti: crypto.randomUUID(), ...ath, ...claims }
    return this.sign({ typ: 'dpop+jwt', jwk: this.jwk, ...header }, payload)
  }

  sign(header: object, payload: object): string {
    const unsigned = [{ alg: this.algorithm, ...header }, payload].map(segment).join('.')
    const signature = sign('sha256', Buffer.from(unsigned), {
      key: this.privateKey,
      dsaEncoding: 'ieee-p1363'
    })
    return `${unsigned}.${signature.toString('base64url')}`
  }

  /** The same with another algorithm in the header, signed as that algorithm would have it. */
  forge(algorithm: 'none' | 'HS256', header: object, payload: object): string {
    const unsigned = [{ ...header, alg: algorithm }, payload].map(segment).join('.')
    if (algorithm === 'none') return `${unsigned}.`
    const code = createHmac('sha256', JSON.stringify(this.jwk)).update(unsigned)
    return `${unsigned}.${code.digest('base64url')}`
  }
}

function segment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
