import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { test } from 'tap'
import type { AccessToken } from '../../lib/index.ts'
import { memoryStore } from '../../lib/index.ts'
import { VerificationKey } from '../../lib/keys/jwt-keys.ts'
import { KeyRing } from '../../lib/keys/key-ring.ts'
import {
  type AccessTokenFacts,
  AccessTokens,
  AccessTokenVerifier,
  customClaimsOf
} from '../../lib/tokens/access-token.ts'
import { START_MS } from '../builders/app.ts'

const START = START_MS / 1000
const FACTS: AccessTokenFacts = {
  userId: 'ada',
  tenantId: 'public',
  handle: 'handle',
  refreshTokenHash: 'a'.repeat(64),
  parentRefreshTokenHash: null,
  antiCsrfToken: null,
  customClaims: { iss: 'https://api.example.com/auth' }
}

const LONG = { text: 'x'.repeat(600) }

async function setUp({ cacheBytes = 100_000, keyKind = 'dynamic' as 'dynamic' | 'static' } = {}) {
  const keyRing = new KeyRing(memoryStore(), {
    algorithm: 'ES256',
    updateIntervalMs: 86_400_000,
    accessTokenValidityMs: 3_600_000,
    sealingKeys: []
  })
  await keyRing.prepare(keyKind, START_MS)
  const tokens = new AccessTokens(keyRing, { keyKind, cacheBytes })
  const mint = (facts: Partial<AccessTokenFacts> = {}, expiresAt = START + 60) =>
    tokens.mint({ ...FACTS, ...facts }, { kind: keyKind, nowMs: START_MS, expiresAt })
  const verify = (text: string, nowMs = START_MS) => tokens.verify(text, nowMs)
  return { keyRing, tokens, mint, verify }
}

test('a token has exactly the ten keys of version 5, nulls included', async (t) => {
  const { mint } = await setUp()
  const { text, payload } = await mint()
  t.same(payload, {
    iss: 'https://api.example.com/auth',
    sub: 'ada',
    rsub: 'ada',
    tId: 'public',
    iat: START,
    exp: START + 60,
    sessionHandle: 'handle',
    refreshTokenHash1: 'a'.repeat(64),
    parentRefreshTokenHash1: null,
    antiCsrfToken: null
  })
  const [header = '', body = ''] = text.split('.')
  t.same(JSON.parse(Buffer.from(body, 'base64url').toString()), payload)
  t.same(JSON.parse(Buffer.from(header, 'base64url').toString()), {
    alg: 'ES256',
    typ: 'JWT',
    kid: `d-${START_MS}`,
    version: '5'
  })
})

test('custom claims stand at the root and cannot pass for the protocol’s', async (t) => {
  const { mint } = await setUp()
  const { payload } = await mint({ customClaims: { sub: 'eve', stt: 1, roles: ['a'] } })
  t.equal(payload.sub, 'ada')
  t.equal(payload['stt'], undefined)
  t.same(customClaimsOf(payload), { roles: ['a'] })
})

test('a token is good until the second that it expires in', async (t) => {
  const { mint, verify } = await setUp()
  const { text } = await mint()
  t.equal(await verify(text, START_MS + 60_000), 'expired', 'never seen')
  t.type(await verify(text, START_MS + 59_999), Object)
  t.equal(await verify(text, START_MS + 60_000), 'expired', 'remembered')
})

test('a token that says nbf is not good before it', async (t) => {
  const { mint, verify } = await setUp()
  const { text } = await mint({ customClaims: { nbf: START + 10 } })
  t.equal(await verify(text), 'not-yet-valid')
  t.type(await verify(text, START_MS + 10_000), Object)
  t.equal(await verify(text), 'not-yet-valid', 'remembered')
})

test('a verified token is remembered as a whole, and its payload cannot be changed', async (t) => {
  const { mint, verify } = await setUp()
  const { text } = await mint({ customClaims: { deep: { list: [1] } } })
  const verified = (await verify(text)) as AccessToken
  const again = (await verify(text)) as AccessToken
  t.equal(again.text, text)
  t.equal(again.payload, verified.payload, 'the very same one')
  const [head, , signature] = text.split('.')
  const other = Buffer.from(JSON.stringify({ ...verified.payload, sub: 'eve' }))
  const tampered = `${head}.${other.toString('base64url')}.${signature}`
  t.equal(await verify(tampered), 'signature', 'the end of its signature alone is not enough')
  t.throws(() => Object.assign(verified.payload, { sub: 'eve' }), TypeError)
  const { deep } = verified.payload as unknown as { deep: { list: number[] } }
  t.throws(() => deep.list.push(2), TypeError)
})

test('the signature of a token that had to go is not checked again', async (t) => {
  // Room for no such token, and for its digest.
  const { mint, verify } = await setUp({ cacheBytes: 2048 })
  const { text } = await mint({ customClaims: LONG })
  const { verify: check } = VerificationKey.prototype
  const checks = t.capture(VerificationKey.prototype, 'verify', check)
  const first = (await verify(text)) as AccessToken
  const second = (await verify(text)) as AccessToken
  t.not(second, first, 'the token itself is gone')
  t.same(second.payload, first.payload)
  t.ok(Object.isFrozen(second.payload))
  t.equal(await verify(`${text.slice(0, -3)}AAA`), 'signature')
  t.equal(await verify(text, START_MS + 60_000), 'expired')
  t.same(
    checks().map(({ args }) => args[0] === text),
    [true, false]
  )
})

test('what one key has verified another of its name has not', async (t) => {
  const keyOf = (publicKey: KeyObject) =>
    new VerificationKey({
      kid: 'd-1',
      kind: 'dynamic',
      algorithm: 'ES256',
      publicKey,
      usableUntil: Number.POSITIVE_INFINITY
    })
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  let key = keyOf(publicKey)
  const keys = { find: () => key, findByHeader: () => key, findAgain: async () => key, drop() {} }
  const tokens = new AccessTokenVerifier(keys, { keyKind: 'any', cacheBytes: 2048 })
  const { text } = await (await setUp()).mint({ customClaims: LONG })
  const [, payload] = text.split('.')
  const signed = `${key.header}.${payload}`
  const signature = sign('sha256', Buffer.from(signed), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363'
  })
  const token = `${signed}.${signature.toString('base64url')}`
  t.type(await tokens.verify(token, START_MS), Object)
  key = keyOf(other.publicKey)
  t.equal(await tokens.verify(token, START_MS), 'signature')
})

test('a cache of size 0 remembers nothing', async (t) => {
  const { mint, verify } = await setUp({ cacheBytes: 0 })
  const { text } = await mint()
  t.not(await verify(text), await verify(text))
})

test('a token of the other kind of key asks for a refresh', async (t) => {
  for (const [keyKind, other] of [
    ['dynamic', 'static'],
    ['static', 'dynamic']
  ] as const) {
    const { tokens, verify } = await setUp({ keyKind })
    const options = { nowMs: START_MS, expiresAt: START + 60 }
    const { text } = await tokens.mint(FACTS, { ...options, kind: other })
    t.equal(await verify(text), 'key-kind')
    const elsewhere = await setUp({ keyKind: other })
    const unknown = await elsewhere.tokens.mint(FACTS, { ...options, kind: other })
    t.equal(await (await setUp({ keyKind })).verify(unknown.text), 'key-kind', 'an unknown key')
  }
})

test('a signed token without the structure of a session is none', async (t) => {
  const { keyRing, tokens, verify } = await setUp()
  const key = await keyRing.signingKey('dynamic', START_MS)
  const { payload } = await tokens.mint(FACTS, {
    kind: 'dynamic',
    nowMs: START_MS,
    expiresAt: START + 60
  })
  for (const change of [{ stt: 2 }, { sub: '' }, { tId: null }, { antiCsrfToken: 5 }])
    t.equal(verify(key.signAccessToken({ ...payload, ...change })), 'malformed')
  t.equal(verify(key.signJwt({ ...payload })), 'malformed', 'its header has no version')
})

test('what is no JWT of version 5 is none', async (t) => {
  const { mint, verify } = await setUp()
  const { text } = await mint()
  const [head = '', body = '', signature = ''] = text.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  const withHeader = (changes: object) => {
    const changed = Buffer.from(JSON.stringify({ ...header, ...changes })).toString('base64url')
    return `${changed}.${body}.${signature}`
  }
  for (const junk of [
    '',
    '.',
    'a.b.c',
    head,
    `${head}.${body}`,
    `${head}.${body}.`,
    `${text}.${signature}`,
    `${head}.e30.${signature}`,
    'x'.repeat(10_000),
    withHeader({ typ: 'at+jwt' }),
    withHeader({ version: '4' }),
    withHeader({ kid: 5 }),
    withHeader({ crit: ['b64'], b64: true })
  ])
    t.equal(
      verify(junk),
      junk === `${head}.${body}.` ? 'signature' : 'malformed',
      junk.slice(0, 40)
    )
})

test('a header that names a key of ours and says something else is refused', async (t) => {
  const { mint, verify } = await setUp()
  const { text } = await mint()
  const [head = '', body, signature] = text.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  for (const changes of [{ alg: 'none' }, { alg: 'HS256' }, { alg: 'RS256' }, { jku: 'x' }]) {
    const changed = Buffer.from(JSON.stringify({ ...header, ...changes })).toString('base64url')
    t.equal(verify(`${changed}.${body}.${signature}`), 'algorithm')
  }
})

test('a signature that is spelled another way is refused', async (t) => {
  const { mint, verify } = await setUp()
  const { text } = await mint()
  t.type(await verify(text), Object)
  for (const end of ['=', '==', '\n', ' ', '!', '\u0100'])
    t.type(await verify(`${text}${end}`), 'string', JSON.stringify(end))
})

test('a signature of any other length is refused, and nothing is thrown', async (t) => {
  const { mint, verify } = await setUp()
  const { text } = await mint()
  const input = text.slice(0, text.lastIndexOf('.'))
  for (const length of [0, 1, 2, 85, 86, 87, 342, 4000])
    t.equal(await verify(`${input}.${'A'.repeat(length)}`), 'signature')
})

test('a signed token that asks for an extension is refused (RFC 7515 section 4.1.11)', async (t) => {
  const store = memoryStore()
  const keyRing = new KeyRing(store, {
    algorithm: 'EdDSA',
    updateIntervalMs: 86_400_000,
    accessTokenValidityMs: 3_600_000,
    sealingKeys: []
  })
  await keyRing.prepare('dynamic', START_MS)
  const tokens = new AccessTokens(keyRing, { keyKind: 'dynamic', cacheBytes: 100_000 })
  const lifetime = { kind: 'dynamic', nowMs: START_MS, expiresAt: START + 60 } as const
  const { text } = await tokens.mint(FACTS, lifetime)
  const [head = '', body = ''] = text.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  const key = (await store.listKeys()).find(({ kid }) => kid === header.kid)
  const signWith = (changes: object) => {
    const changed = Buffer.from(JSON.stringify({ ...header, ...changes })).toString('base64url')
    const input = `${changed}.${body}`
    const signature = sign(null, Buffer.from(input), createPrivateKey(key?.material ?? ''))
    return `${input}.${signature.toString('base64url')}`
  }
  t.type(await tokens.verify(signWith({}), START_MS), Object)
  t.equal(await tokens.verify(signWith({ crit: ['b64'], b64: true }), START_MS), 'malformed')
})

test('a key that the store has dropped takes its remembered tokens along', async (t) => {
  const store = memoryStore()
  const settings = {
    algorithm: 'ES256',
    updateIntervalMs: 60_000,
    accessTokenValidityMs: 60_000,
    sealingKeys: []
  } as const
  const keyRing = new KeyRing(store, settings)
  await keyRing.prepare('dynamic', START_MS)
  const tokens = new AccessTokens(keyRing, { keyKind: 'dynamic', cacheBytes: 100_000 })
  const { text } = await tokens.mint(FACTS, {
    kind: 'dynamic',
    nowMs: START_MS,
    expiresAt: START + 86_400
  })
  t.type(await tokens.verify(text, START_MS), Object)
  await store.deleteExpired(START_MS + 10_000_000, 100)
  await keyRing.findAgain('d-1', START_MS + 1000)
  t.equal(await tokens.verify(text, START_MS + 2000), 'unknown-key')
})

test('a token of an unknown key costs the store a look, unless it says that it has expired', async (t) => {
  const { verify } = await setUp()
  const elsewhere = new KeyRing(memoryStore(), {
    algorithm: 'ES256',
    updateIntervalMs: 86_400_000,
    accessTokenValidityMs: 3_600_000,
    sealingKeys: []
  })
  await elsewhere.prepare('dynamic', START_MS - 1000)
  const others = new AccessTokens(elsewhere, { keyKind: 'dynamic', cacheBytes: 0 })
  const { text } = await others.mint(FACTS, {
    kind: 'dynamic',
    nowMs: START_MS - 1000,
    expiresAt: START + 60
  })
  t.equal(await verify(text), 'unknown-key')
  t.type(verify(text, START_MS + 1000), Promise)
  t.equal(verify(text, START_MS + 60_000), 'expired', 'at once')
})

test('a key that another process added is found, whose header may still be another', async (t) => {
  const store = memoryStore()
  const settings = {
    algorithm: 'ES256',
    updateIntervalMs: 86_400_000,
    accessTokenValidityMs: 3_600_000,
    sealingKeys: []
  } as const
  const [here, there] = [new KeyRing(store, settings), new KeyRing(store, settings)]
  const tokens = new AccessTokens(here, { keyKind: 'dynamic', cacheBytes: 0 })
  await there.prepare('dynamic', START_MS)
  const { text } = await new AccessTokens(there, { keyKind: 'dynamic', cacheBytes: 0 }).mint(
    FACTS,
    {
      kind: 'dynamic',
      nowMs: START_MS,
      expiresAt: START + 60
    }
  )
  const [head = '', body, signature] = text.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  const none = Buffer.from(JSON.stringify({ ...header, alg: 'none' })).toString('base64url')
  t.equal(await tokens.verify(`${none}.${body}.${signature}`, START_MS), 'algorithm')
  t.type(await tokens.verify(text, START_MS), Object)
})
