import { randomBytes } from 'node:crypto'
import { test } from 'tap'
import { Challenges } from '../../lib/device-binding/challenges.ts'
import { DpopProofs, type DpopRequest, isSameUrl } from '../../lib/device-binding/dpop.ts'
import { START_MS } from '../builders/app.ts'
import { Device } from '../builders/device.ts'

const HEADER =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19'
/** RFC 9449 section 4.1, example of a token request. */
const TOKEN_PROOF = `${HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg`
/** RFC 9449 section 7.1, example of a request with an access token. */
const ACCESS_PROOF = `${HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA`
const ACCESS_TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
const JKT = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
const RFC_MS = 1_562_262_616_000

const device = new Device()
const url = 'https://api.example.com/me'
const request: DpopRequest = { method: 'GET', url, token: 'at', isTokenNamed: true, jkt: null }
const claims = { htm: 'GET', htu: url, iat: START_MS / 1000 }

/** The thumbprint of the key that signed, or why the proof is refused. */
function outcome(
  text: string,
  { nowMs = START_MS, proofs = new DpopProofs(null, {}), ...more } = {} as Partial<DpopRequest> & {
    nowMs?: number
    proofs?: DpopProofs
  }
): string {
  const key = proofs.check(text, { ...request, ...more }, nowMs)
  return typeof key === 'string' ? key : key.jkt
}

test('the proofs of RFC 9449 are accepted', async (t) => {
  const token = { method: 'POST', url: 'https://server.example.com/token', token: null }
  const login = { ...token, isTokenNamed: false, nowMs: RFC_MS }
  t.equal(outcome(TOKEN_PROOF, login), JKT)
  const access = { url: 'https://resource.example.org/protectedresource', token: ACCESS_TOKEN }
  t.equal(outcome(ACCESS_PROOF, { ...access, nowMs: RFC_MS, jkt: JKT }), JKT)
  t.equal(outcome(ACCESS_PROOF, { ...access, nowMs: RFC_MS, jkt: 'another' }), 'other-key')
  t.equal(outcome(ACCESS_PROOF, { ...access, nowMs: RFC_MS, token: 'another' }), 'token')
})

const refused: Readonly<Record<string, [claims: object, reason: string]>> = {
  'another method': [{ htm: 'POST' }, 'method'],
  'the method in another case': [{ htm: 'get' }, 'method'],
  'another path': [{ htu: 'https://api.example.com/you' }, 'url'],
  'another host': [{ htu: 'https://api.example.org/me' }, 'url'],
  'another protocol': [{ htu: 'http://api.example.com/me' }, 'url'],
  'a path alone': [{ htu: '/me' }, 'url'],
  'a URL that is a number': [{ htu: 1 }, 'url'],
  'a URL that is too long': [{ htu: `${url}?${'a'.repeat(4096)}` }, 'url'],
  'a time that is too old': [{ iat: START_MS / 1000 - 61 }, 'time'],
  'a time that is too far ahead': [{ iat: START_MS / 1000 + 61 }, 'time'],
  'a time that is a text': [{ iat: `${START_MS / 1000}` }, 'time'],
  'no time': [{ iat: undefined }, 'time'],
  'no id': [{ jti: undefined }, 'id'],
  'an empty id': [{ jti: '' }, 'id'],
  'an id that is too long': [{ jti: 'a'.repeat(129) }, 'id'],
  'the hash of another token': [{ ath: 'AAAA' }, 'token'],
  'no hash of the token': [{ ath: undefined }, 'token']
}

for (const [name, [changed, reason]] of Object.entries(refused))
  test(`a DPoP proof is refused: ${name}`, async (t) => {
    t.equal(outcome(device.dpop({ ...claims, ...changed }, 'at')), reason)
  })

test('a DPoP proof is refused that is none', async (t) => {
  t.equal(outcome('proof'), 'malformed')
  t.equal(outcome(device.dpop(claims, 'at', { typ: 'JWT' })), 'type')
  t.equal(outcome(device.forge('none', { typ: 'dpop+jwt', jwk: device.jwk }, claims)), 'algorithm')
  t.equal(outcome(device.dpop(claims, 'at', { jwk: new Device().jwk })), 'signature')
})

test('a token need not be named where it is no access token', async (t) => {
  const proof = () => device.dpop(claims)
  t.not(outcome(proof(), { isTokenNamed: false }), 'token')
  t.equal(outcome(device.dpop(claims, 'at'), { isTokenNamed: false, token: null }), 'token')
})

test('a clock that is a minute ahead or behind does no harm', async (t) => {
  for (const seconds of [-60, 60]) {
    const proof = device.dpop({ ...claims, iat: START_MS / 1000 + seconds }, 'at')
    t.not(outcome(proof), 'time', `${seconds}`)
  }
})

test('a time with a fraction is told in whole milliseconds', async (t) => {
  const iat = START_MS / 1000 + 0.123_456_7
  const accepted = new DpopProofs(null, {}).check(
    device.dpop({ ...claims, iat }, 'at'),
    request,
    START_MS
  )
  t.match(accepted, { endsAt: START_MS + 124 + 120_000 })
})

test('a DPoP proof is good once', async (t) => {
  const proofs = new DpopProofs(null, {})
  const proof = device.dpop({ ...claims, jti: 'one' }, 'at')
  t.not(outcome(proof, { proofs }), 'replayed')
  t.equal(outcome(proof, { proofs }), 'replayed')
  t.equal(outcome(proof, { proofs, nowMs: START_MS + 60_000 }), 'replayed')
  t.equal(outcome(proof, { proofs, nowMs: START_MS + 61_000 }), 'time')
  const other = new Device().dpop({ ...claims, jti: 'one' }, 'at')
  t.not(outcome(other, { proofs }), 'replayed', 'ids are those of one key')
})

test('ids are remembered as long as their proofs are in time', async (t) => {
  const proofs = new DpopProofs(null, {})
  const ahead = device.dpop({ ...claims, iat: START_MS / 1000 + 60, jti: 'one' }, 'at')
  t.not(outcome(ahead, { proofs }), 'replayed')
  for (const seconds of [30, 60, 90, 119, 120]) {
    const nowMs = START_MS + seconds * 1000
    const other = device.dpop({ ...claims, iat: nowMs / 1000 }, 'at')
    t.not(outcome(other, { proofs, nowMs }), 'replayed')
    t.equal(outcome(ahead, { proofs, nowMs }), 'replayed', `${seconds} s`)
  }
})

test('the memory of keys is bounded, and forgetting one does no harm', async (t) => {
  const proofs = new DpopProofs(null, {})
  for (let n = 0; n < 2100; n++) {
    const proof = device.dpop({ ...claims, jti: `${n}` }, 'at', { n: n % 1500 })
    if (outcome(proof, { proofs }).length !== JKT.length) t.fail(`${n}`)
  }
  t.equal(outcome(device.dpop({ ...claims, jti: '0' }, 'at'), { proofs }), 'replayed')
})

test('a known key signs no proof that is too long', async (t) => {
  const proofs = new DpopProofs(null, {})
  outcome(device.dpop(claims, 'at'), { proofs })
  const long = device.dpop({ ...claims, filler: 'a'.repeat(9000) }, 'at')
  t.equal(outcome(long, { proofs }), 'malformed')
})

test('proofs carry a nonce of the server where it asks for one', async (t) => {
  const proofs = new DpopProofs(new Challenges([randomBytes(32)], 'nonce', 300_000), {})
  t.equal(new DpopProofs(null, {}).newNonce(START_MS), null)
  const nonce = String(proofs.newNonce(START_MS))
  t.equal(outcome(device.dpop(claims, 'at'), { proofs }), 'nonce')
  t.equal(outcome(device.dpop({ ...claims, nonce: 'made up' }, 'at'), { proofs }), 'nonce')
  t.equal(outcome(device.dpop({ ...claims, nonce }, 'at'), { proofs }).length, JKT.length)
  const nowMs = START_MS + 300_000
  const late = device.dpop({ ...claims, iat: nowMs / 1000, nonce }, 'at')
  t.equal(outcome(late, { proofs, nowMs }), 'nonce')
})

test('URLs are compared after normalisation, without query and fragment', async (t) => {
  for (const same of [
    'https://api.example.com/a/~b%2Fc',
    'HTTPS://API.Example.com:443/a/%7eb%2fc',
    'https://api.example.com/x/../a/~b%2Fc?d=1#e'
  ])
    t.ok(isSameUrl(same, 'https://api.example.com/a/~b%2Fc'), same)
  t.notOk(isSameUrl('https://api.example.com/a/~b/c', 'https://api.example.com/a/~b%2Fc'))
  for (const asked of ['/x/../a', '/./a', '/x/%2E%2e/a', '/x/.%2e/a', '/a/b/..', '/%2e/a'])
    t.notOk(isSameUrl('https://api.example.com/a', `https://api.example.com${asked}`), asked)
  for (const asked of ['/x\\..\\a', '/x/..\\a', '/%2e%2e\\a', '\\a', '/\\a'])
    t.notOk(isSameUrl('https://api.example.com/a', `https://api.example.com${asked}`), asked)
  t.ok(isSameUrl('https://api.example.com/%61/.b..', 'https://api.example.com/a/.b..'))
})
