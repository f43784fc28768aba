import { randomBytes } from 'node:crypto'
import { test } from 'tap'
import { Dbsc, endInstructions } from '../../lib/device-binding/dbsc.ts'
import { type DeviceKey, readDeviceKey } from '../../lib/device-binding/device-key.ts'
import { START_MS } from '../builders/app.ts'
import { Device } from '../builders/device.ts'

const device = new Device()
const key = readDeviceKey(device.jwk, 'ES256') as DeviceKey
const keys = [randomBytes(32)]
const settings = {
  origin: 'https://api.example.com',
  registrationPath: '/auth/session/device',
  refreshPath: '/auth/session/device/refresh',
  initiators: [],
  cookie: { name: 'sDevice', domain: undefined, path: '/', lifetimeMs: 600_000 }
}
const dbsc = new Dbsc(keys, settings)

/** The challenge in the header of a registration or a refresh. */
function challengeIn(header: string): string {
  return /"(\w+\.[\w-]+\.[\w-]+)"/.exec(header)?.[1] ?? ''
}
const registration = () => challengeIn(dbsc.registrationHeader('s1', START_MS))
const refresh = () => challengeIn(dbsc.challengeHeader('s1', START_MS))

test('the headers are structured fields, as the draft has them', async (t) => {
  t.match(
    dbsc.registrationHeader('s1', START_MS),
    /^\(ES256 RS256\);path="\/auth\/session\/device";challenge="[\w.-]+"$/
  )
  t.match(dbsc.challengeHeader('s1', START_MS), /^"[\w.-]+";id="s1"$/)
})

test('the instructions name the session, its scope and its cookie', async (t) => {
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
  t.same(dbsc.instructions('s1', 'lax'), instructions)
  t.same(new Dbsc(keys, { ...settings, initiators: ['example.com'] }).instructions('s1', 'lax'), {
    ...instructions,
    allowed_refresh_initiators: ['example.com']
  })
  t.same(endInstructions('s1'), { session_identifier: 's1', continue: false })
})

test('a registration is read where it answers the challenge of its session', async (t) => {
  const read = (text: string, handle = 's1', nowMs = START_MS) => {
    const found = dbsc.readRegistration(text, handle, nowMs)
    return typeof found === 'string' ? found : found.jkt
  }
  const proof = device.register(registration())
  t.equal(read(proof), key.jkt)
  t.equal(read(`"${proof}"`), key.jkt, 'as a string of structured fields')
  t.equal(read(proof, 's2'), 'challenge', 'another session')
  t.equal(read(proof, 's1', START_MS + 300_000), 'challenge', 'expired')
  t.equal(read(device.register(refresh())), 'challenge', 'of a refresh')
  t.equal(read(device.register('made up')), 'challenge')
  t.equal(read(device.sign({ typ: 'dbsc+jwt', jwk: device.jwk }, {})), 'malformed')
  t.equal(read(device.dpop({})), 'type')
  t.equal(read(''), 'malformed')
})

test('a refresh is read where the key of its session signed the challenge', async (t) => {
  const read = (text: string, nowMs = START_MS) => dbsc.readRefresh(text, 's1', key, nowMs)
  const proof = device.answer(refresh())
  t.equal(read(proof), START_MS)
  t.equal(read(proof, START_MS + 600_000), START_MS, 'after the cookie has ended')
  t.equal(read(proof, START_MS + 900_000), 'challenge', 'expired')
  t.equal(read(device.answer(registration())), 'challenge', 'of a registration')
  t.equal(read(new Device().answer(refresh())), 'signature')
})
