import { test } from 'tap'
import {
  challengeHeader,
  endInstructions,
  registrationHeader,
  sessionInstructions,
  verifyDbscProof
} from '../../lib/device-binding/dbsc.ts'
import { readDeviceKey } from '../../lib/device-binding/device-key.ts'
import { Device } from '../builders/device.ts'

const device = new Device()

test('the headers are structured fields, as the draft has them', async (t) => {
  t.equal(
    registrationHeader('/auth/session/device', 'c1'),
    '(ES256 RS256);path="/auth/session/device";challenge="c1"'
  )
  t.equal(challengeHeader('s1', 'c2'), '"c2";id="s1"')
})

test('the instructions name the session, its scope and its cookie', async (t) => {
  const session = {
    id: 's1',
    origin: 'https://api.example.com',
    refreshPath: '/auth/session/device/refresh',
    cookie: { name: '__Host-sDevice', attributes: 'Path=/; HttpOnly; Secure; SameSite=Lax' }
  }
  const instructions = {
    session_identifier: 's1',
    refresh_url: '/auth/session/device/refresh',
    scope: { origin: 'https://api.example.com', include_site: false, scope_specification: [] },
    credentials: [
      {
        type: 'cookie',
        name: '__Host-sDevice',
        attributes: 'Path=/; HttpOnly; Secure; SameSite=Lax'
      }
    ]
  }
  t.same(sessionInstructions({ ...session, initiators: [] }), instructions)
  t.same(sessionInstructions({ ...session, initiators: ['example.com'] }), {
    ...instructions,
    allowed_refresh_initiators: ['example.com']
  })
  t.same(endInstructions('s1'), { session_identifier: 's1', continue: false })
})

test('a proof says which key answered which challenge', async (t) => {
  const known = readDeviceKey(device.jwk, 'ES256')
  t.match(verifyDbscProof(device.register('c1'), null), { challenge: 'c1' })
  t.match(verifyDbscProof(`"${device.answer('c2')}"`, known), { challenge: 'c2' })
  t.equal(verifyDbscProof(device.sign({ typ: 'dbsc+jwt' }, {}), known), 'malformed')
  t.equal(verifyDbscProof(device.dpop({}), null), 'type')
})
