import { test } from 'tap'
import { readDeviceKey } from '../../lib/device-binding/device-key.ts'
import { Device } from '../builders/device.ts'

const device = new Device()
const rsaDevice = new Device(2048)

test('the thumbprint of a key is the one of RFC 7638 section 3.1', async (t) => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  const jwk = { kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' }
  t.equal(readDeviceKey(jwk, 'RS256')?.jkt, 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
})

test('the thumbprint of a key is the one of RFC 9449 section 6', async (t) => {
  const jwk = {
    kty: 'EC',
    x: 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',
    y: '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA',
    crv: 'P-256'
  }
  const key = readDeviceKey(jwk, 'ES256')
  t.equal(key?.jkt, '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I')
  t.same(Object.keys(key?.jwk ?? {}), ['crv', 'kty', 'x', 'y'])
})

test('keys of both algorithms verify what they signed, and nothing else', async (t) => {
  for (const signer of [device, rsaDevice]) {
    const key = readDeviceKey(signer.jwk, signer.algorithm)
    t.same(key?.verify(signer.sign({}, { a: 1 })), { a: 1 }, signer.algorithm)
    t.equal(key?.verify(new Device().sign({}, { a: 1 })), null)
    t.equal(key?.verify('no proof'), null)
  }
})

const refused: Readonly<Record<string, [jwk: unknown, algorithm: 'ES256' | 'RS256']>> = {
  'no key': [undefined, 'ES256'],
  'a text': ['key', 'RS256'],
  'a key of another algorithm': [device.jwk, 'RS256'],
  'an RSA key for ES256': [rsaDevice.jwk, 'ES256'],
  'another curve': [{ ...device.jwk, crv: 'P-384' }, 'ES256'],
  'a point that is not on the curve': [{ ...device.jwk, y: device.jwk['x'] }, 'ES256'],
  'a coordinate that is a number': [{ ...device.jwk, x: 1 }, 'ES256'],
  'a coordinate that is too long': [{ ...device.jwk, x: 'A'.repeat(44) }, 'ES256'],
  'a private key': [device.privateKey.export({ format: 'jwk' }), 'ES256'],
  'a private RSA key': [rsaDevice.privateKey.export({ format: 'jwk' }), 'RS256'],
  'a symmetric key': [{ ...device.jwk, k: 'AAAA' }, 'ES256'],
  'an RSA key of 1024 bits': [new Device(1024).jwk, 'RS256'],
  'an RSA key of 1024 bits with zeros in front': [
    { ...rsaDevice.jwk, n: Buffer.alloc(256, 1).fill(0, 0, 128).toString('base64url') },
    'RS256'
  ],
  'an RSA key of more than 4096 bits': [
    { ...rsaDevice.jwk, n: Buffer.alloc(513, 0xff).toString('base64url') },
    'RS256'
  ],
  'another exponent': [{ ...rsaDevice.jwk, e: 'Aw' }, 'RS256']
}

for (const [name, [jwk, algorithm]] of Object.entries(refused))
  test(`${name} is no device's key`, async (t) => {
    t.equal(readDeviceKey(jwk, algorithm), null)
  })
