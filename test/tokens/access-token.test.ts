import { createPrivateKey, sign } from 'node:crypto'
import { test } from 'tap'
import { memoryStore } from '../../lib/index.ts'
import { KeyRing } from '../../lib/keys/key-ring.ts'
import {
  type AccessTokenFacts,
  AccessTokens,
  customClaimsOf,
  type ReceivedAccessToken
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

async function setUp({ cacheSize = 10, keyKind = 'dynamic' as 'dynamic' | 'static' } = {}) {
  const keyRing = new KeyRing(memoryStore(), {
    algorithm: 'ES256',
    updateIntervalMs: 86_400_000,
    accessTokenValidityMs: 3_600_000,
    sealingKeys: []
  })
  await keyRing.prepare(START_MS)
  const tokens = new AccessTokens(keyRing, { keyKind, cacheSize })
  const mint = (facts: Partial<AccessTokenFacts> = {}, expiresAt = START + 60) =>
    tokens.mint({ ...FACTS, ...facts }, { kind: keyKind, nowMs: START_MS, expiresAt })
  const receive = (text: string) => tokens.receive(text) as ReceivedAccessToken
  return { keyRing, tokens, mint, receive }
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
  const { tokens, mint, receive } = await setUp()
  const { text } = await mint()
  for (const isCached of [false, true]) {
    const at = (nowMs: number) => tokens.verify(receive(text), nowMs)
    t.not(await at(START_MS + 59_999), null, `cached: ${isCached}`)
    t.equal(await at(START_MS + 60_000), null, `cached: ${isCached}`)
  }
})

test('a token that says nbf is not good before it', async (t) => {
  const { tokens, mint, receive } = await setUp()
  const { text } = await mint({ customClaims: { nbf: START + 10 } })
  t.equal(await tokens.verify(receive(text), START_MS), null)
  t.not(await tokens.verify(receive(text), START_MS + 10_000), null)
})

test('a verified token is remembered as a whole, and its payload cannot be changed', async (t) => {
  const { tokens, mint, receive } = await setUp()
  const { text } = await mint({ customClaims: { deep: { list: [1] } } })
  const verified = await tokens.verify(receive(text), START_MS)
  t.equal(receive(text), verified)
  const [head, , signature] = text.split('.')
  const other = Buffer.from(JSON.stringify({ ...verified?.payload, sub: 'eve' }))
  const tampered = receive(`${head}.${other.toString('base64url')}.${signature}`)
  t.equal(tampered.verifiedBy, null, 'its signature alone is not enough')
  t.equal(await tokens.verify(tampered, START_MS), null)
  t.throws(() => Object.assign(verified?.payload ?? {}, { sub: 'eve' }), TypeError)
  const { deep } = receive(text).payload as unknown as { deep: { list: number[] } }
  t.throws(() => deep.list.push(2), TypeError)
})

test('junk is not remembered, and what is remembered is bounded', async (t) => {
  const { tokens, mint, receive } = await setUp({ cacheSize: 2 })
  const texts = []
  for (const userId of ['a', 'b', 'c']) texts.push((await mint({ userId })).text)
  for (const text of texts) await tokens.verify(receive(text), START_MS)
  const [a = '', b = '', c = ''] = texts
  await tokens.verify(receive(`${a.slice(0, -4)}AAAA`), START_MS)
  t.same(
    [a, b, c].map((text) => receive(text).verifiedBy !== null),
    [false, true, true]
  )
})

test('a cache of size 0 remembers nothing', async (t) => {
  const { tokens, mint, receive } = await setUp({ cacheSize: 0 })
  const { text } = await mint()
  t.not(await tokens.verify(receive(text), START_MS), null)
  t.equal(receive(text).verifiedBy, null)
})

test('a token of the other kind of key asks for a refresh', async (t) => {
  for (const [keyKind, other] of [
    ['dynamic', 'static'],
    ['static', 'dynamic']
  ] as const) {
    const { tokens, receive } = await setUp({ keyKind })
    const options = { nowMs: START_MS, expiresAt: START + 60 }
    const { text } = await tokens.mint(FACTS, { ...options, kind: other })
    t.equal(await tokens.verify(receive(text), START_MS), null)
  }
})

test('a signed token without the structure of a session is refused', async (t) => {
  const { keyRing, tokens } = await setUp()
  const key = await keyRing.signingKey('dynamic', START_MS)
  const { payload } = await tokens.mint(FACTS, {
    kind: 'dynamic',
    nowMs: START_MS,
    expiresAt: START + 60
  })
  for (const change of [{ stt: 2 }, { sub: '' }, { tId: null }, { antiCsrfToken: 5 }])
    t.equal(tokens.receive(key.signAccessToken({ ...payload, ...change })), null)
})

test('a signature that is spelled another way is refused', async (t) => {
  const { tokens, mint, receive } = await setUp()
  const { text } = await mint()
  t.not(await tokens.verify(receive(text), START_MS), null)
  for (const end of ['=', '==', '\n', ' ', '!', '\u0100'])
    t.equal(await tokens.verify(receive(`${text}${end}`), START_MS), null, JSON.stringify(end))
})

test('a signature of any other length is refused, and nothing is thrown', async (t) => {
  const { tokens, mint, receive } = await setUp()
  const { text } = await mint()
  const input = text.slice(0, text.lastIndexOf('.'))
  for (const length of [0, 1, 2, 85, 86, 87, 342, 4000])
    t.equal(await tokens.verify(receive(`${input}.${'A'.repeat(length)}`), START_MS), null)
})

test('a signed token that asks for an extension is refused (RFC 7515 section 4.1.11)', async (t) => {
  const store = memoryStore()
  const keyRing = new KeyRing(store, {
    algorithm: 'EdDSA',
    updateIntervalMs: 86_400_000,
    accessTokenValidityMs: 3_600_000,
    sealingKeys: []
  })
  await keyRing.prepare(START_MS)
  const tokens = new AccessTokens(keyRing, { keyKind: 'dynamic', cacheSize: 10 })
  const lifetime = { kind: 'dynamic', nowMs: START_MS, expiresAt: START + 60 } as const
  const { text } = await tokens.mint(FACTS, lifetime)
  const [head = '', body = ''] = text.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  const key = (await store.listKeys()).find(({ kid }) => kid === header.kid)
  const signWith = (changes: object) => {
    const changed = Buffer.from(JSON.stringify({ ...header, ...changes })).toString('base64url')
    const input = `${changed}.${body}`
    const signature = sign(null, Buffer.from(input), createPrivateKey(key?.material ?? ''))
    return tokens.receive(`${input}.${signature.toString('base64url')}`)
  }
  t.not(await tokens.verify(signWith({}) as ReceivedAccessToken, START_MS), null)
  t.equal(signWith({ crit: ['b64'], b64: true }), null)
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
  await keyRing.prepare(START_MS)
  const tokens = new AccessTokens(keyRing, { keyKind: 'dynamic', cacheSize: 10 })
  const { text } = await tokens.mint(FACTS, {
    kind: 'dynamic',
    nowMs: START_MS,
    expiresAt: START + 86_400
  })
  const receive = () => tokens.receive(text) as ReceivedAccessToken
  t.not(await tokens.verify(receive(), START_MS), null)
  await store.deleteExpired(START_MS + 10_000_000, 100)
  await keyRing.findAgain('d-1', START_MS + 1000)
  t.equal(await tokens.verify(receive(), START_MS + 2000), null)
})

test('neither key nor signature are looked for of a token that says it has expired', async (t) => {
  const { tokens, receive } = await setUp()
  const elsewhere = new KeyRing(memoryStore(), {
    algorithm: 'ES256',
    updateIntervalMs: 86_400_000,
    accessTokenValidityMs: 3_600_000,
    sealingKeys: []
  })
  await elsewhere.prepare(START_MS - 1000)
  const others = new AccessTokens(elsewhere, { keyKind: 'dynamic', cacheSize: 10 })
  const mint = (expiresAt: number) =>
    others.mint(FACTS, { kind: 'dynamic', nowMs: START_MS - 1000, expiresAt })
  const good = receive((await mint(START + 60)).text)
  t.equal(await tokens.verify(good, START_MS), null, 'the store is asked for an unknown key')
  t.not(tokens.verify(good, START_MS + 1000), null)
  t.equal(tokens.verify(good, START_MS + 60_000), null, 'but not for an expired token')
})
