import { test } from 'tap'
import { readDeviceKey } from '../../lib/device-binding/device-key.ts'
import { verifyProof } from '../../lib/device-binding/proof.ts'
import { Device } from '../builders/device.ts'

const device = new Device()
const TYP = 'dbsc+jwt'
const header = { typ: TYP, jwk: device.jwk }
const payload = { jti: 'c1' }

function refusalOf(text: string, known = false): unknown {
  const proof = verifyProof(text, TYP, known ? readDeviceKey(device.jwk, 'ES256') : null)
  return typeof proof === 'string' ? proof : null
}

test('a proof that brings its key is verified with it', async (t) => {
  for (const signer of [device, new Device(2048)]) {
    const proof = verifyProof(signer.register('c1'), TYP, null)
    t.match(proof, { claims: payload, key: { algorithm: signer.algorithm } })
  }
})

test('a proof for a known key is verified with that one', async (t) => {
  t.equal(refusalOf(device.answer('c1'), true), null)
  t.equal(refusalOf(new Device().answer('c1'), true), 'signature')
  t.equal(refusalOf(device.register('c1'), true), 'key', 'it brings none')
  t.equal(refusalOf(new Device(2048).answer('c1'), true), 'algorithm')
})

const small = new Device(1024)
const refused: Readonly<Record<string, [text: string, reason: string]>> = {
  nothing: ['', 'malformed'],
  'no JWT': ['a.b', 'malformed'],
  'what is no JSON': ['e30x.e30x.AAAA', 'malformed'],
  'one that is too long': [device.sign(header, { jti: 'c'.repeat(9000) }), 'malformed'],
  'one with an extension': [
    device.sign({ ...header, crit: ['exp'], exp: 1 }, payload),
    'malformed'
  ],
  'another type': [device.sign({ ...header, typ: 'JWT' }, payload), 'type'],
  'no type': [device.sign({ jwk: device.jwk }, payload), 'type'],
  'no signature': [device.forge('none', header, payload), 'algorithm'],
  'a MAC with the public key': [device.forge('HS256', header, payload), 'algorithm'],
  'another algorithm': [device.sign({ ...header, alg: 'ES384' }, payload), 'algorithm'],
  'no key': [device.answer('c1'), 'key'],
  'a private key': [
    device.register('c1', { jwk: device.privateKey.export({ format: 'jwk' }) }),
    'key'
  ],
  'an RSA key of 1024 bits': [small.register('c1'), 'key'],
  'the key of another': [device.register('c1', { jwk: new Device().jwk }), 'signature'],
  'a signature that was cut': [device.register('c1').slice(0, -4), 'signature'],
  'a signature of zeros': [
    device.register('c1').replace(/[^.]+$/, Buffer.alloc(64).toString('base64url')),
    'signature'
  ]
}

for (const [name, [text, reason]] of Object.entries(refused))
  test(`a proof is refused: ${name}`, async (t) => {
    t.equal(refusalOf(text), reason)
  })
