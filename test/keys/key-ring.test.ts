import { test } from 'tap'
import {
  memoryStore,
  type SessionStore,
  type StoredKey,
  StoreUnavailableError
} from '../../lib/index.ts'
import { KeyRing, type KeyRingSettings } from '../../lib/keys/key-ring.ts'
import { deriveKeys } from '../../lib/keys/secrets.ts'
import { START_MS } from '../builders/app.ts'

const MINUTE = 60_000
const INTERVAL = 60 * MINUTE

function ringOn(store: SessionStore, settings: Partial<KeyRingSettings> = {}): KeyRing {
  return new KeyRing(store, {
    algorithm: 'ES256',
    updateIntervalMs: INTERVAL,
    accessTokenValidityMs: 10 * MINUTE,
    sealingKeys: [],
    ...settings
  })
}

async function preparedRing(store: SessionStore = memoryStore(), nowMs = START_MS) {
  const ring = ringOn(store)
  await ring.prepare('dynamic', nowMs)
  return ring
}

/** Lets what goes on in the background come to its end. */
async function untilKeys(store: SessionStore, count: number): Promise<readonly StoredKey[]> {
  for (;;) {
    const keys = await store.listKeys()
    if (keys.length >= count) return keys
    await new Promise(setImmediate)
  }
}

test('preparing makes the one key that is needed, others come on demand, and all are found the next time', async (t) => {
  const store = memoryStore()
  const ring = await preparedRing(store)
  const keys = await store.listKeys()
  t.same(
    keys.map(({ kind }) => kind),
    ['dynamic']
  )
  t.equal((await ring.signingKey('dynamic', START_MS)).kid, `d-${START_MS}`)
  t.match((await ring.signingKey('static', START_MS)).kid, /^s-[0-9a-f-]{36}$/)
  await preparedRing(store, START_MS + MINUTE)
  t.equal((await store.listKeys()).length, 2)
})

test('the next key is published a minute before it signs', async (t) => {
  const store = memoryStore()
  const ring = await preparedRing(store)
  const first = `d-${START_MS}`
  const dueAt = START_MS + INTERVAL - MINUTE
  t.equal((await ring.signingKey('dynamic', dueAt)).kid, first)
  t.equal((await store.listKeys()).length, 1, 'not before it is due')

  t.equal((await ring.signingKey('dynamic', dueAt + 1)).kid, first, 'nobody waits for it')
  await untilKeys(store, 2)
  const second = `d-${dueAt + 1}`
  const kids = () => ring.jwks(dueAt + 2).keys.map(({ kid }) => kid)
  while (!kids().includes(second)) await new Promise(setImmediate)
  t.equal(kids()[0], second, 'newest first')
  await ring.signingKey('static', dueAt + 2)
  t.match(kids()[2], /^s-/, 'static last')
  t.equal((await ring.signingKey('dynamic', dueAt + MINUTE - 1)).kid, first)
  t.equal((await ring.signingKey('dynamic', dueAt + MINUTE)).kid, second)
})

test('after a long silence the next key is waited for', async (t) => {
  const ring = await preparedRing()
  const later = START_MS + 10 * INTERVAL
  t.equal((await ring.signingKey('dynamic', later)).kid, `d-${later}`)
})

test('a key verifies for as long as a token of its may be out, and then leaves the JWKS', async (t) => {
  const ring = await preparedRing()
  await ring.signingKey('static', START_MS)
  const lastUse = START_MS + INTERVAL + 20 * MINUTE
  const dynamic = (nowMs: number) => ring.jwks(nowMs).keys.filter(({ kid }) => kid[0] === 'd')
  t.equal(dynamic(lastUse).length, 1)
  t.equal(dynamic(lastUse + 1).length, 0)
  t.equal(ring.jwks(lastUse + 1).keys.length, 1, 'the static key stays')
})

test('the JWKS may be cached until the next key is due, and for a second at least', async (t) => {
  const ring = await preparedRing()
  t.equal(ring.jwks(START_MS).maxAgeSeconds, 59 * 60)
  t.equal(ring.jwks(START_MS + INTERVAL).maxAgeSeconds, 1)
  t.equal(ringOn(memoryStore()).jwks(START_MS).maxAgeSeconds, 59 * 60, 'before there is a key')
})

test('a JWK has the members of RFC 7517 and no private one', async (t) => {
  for (const [algorithm, members] of [
    ['RS256', ['alg', 'e', 'kid', 'kty', 'n', 'use']],
    ['ES256', ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']],
    ['EdDSA', ['alg', 'crv', 'kid', 'kty', 'use', 'x']]
  ] as const) {
    const ring = ringOn(memoryStore(), { algorithm })
    await ring.prepare('dynamic', START_MS)
    const [jwk] = ring.jwks(START_MS).keys
    t.same(Object.keys(jwk ?? {}).sort(), members)
    t.match(jwk, { alg: algorithm, use: 'sig', kid: `d-${START_MS}` })
  }
})

test('of many processes that start at once, one makes the keys and all use them', async (t) => {
  const store = memoryStore()
  const rings = await Promise.all(Array.from({ length: 8 }, () => preparedRing(store)))
  t.equal((await store.listKeys()).length, 1)
  const keys = await Promise.all(rings.map((ring) => ring.signingKey('static', START_MS)))
  t.equal(new Set(keys.map(({ kid }) => kid)).size, 1)
})

test('a key that another process added is found again, but not asked for on every request', async (t) => {
  const store = memoryStore()
  const ring = await preparedRing(store)
  let reads = 0
  const counted = new Proxy(store, {
    get: (target, name: keyof SessionStore) => {
      if (name === 'listKeys') reads++
      return target[name]?.bind(target)
    }
  })
  const other = await preparedRing(counted)
  reads = 0
  const added = await ring.signingKey('dynamic', START_MS + 2 * INTERVAL)
  t.equal(other.find(added.kid, START_MS), undefined)
  t.equal((await other.findAgain(added.kid, START_MS + 1000))?.kid, added.kid)
  for (let i = 0; i < 100; i++) t.equal(await other.findAgain('d-1', START_MS + 1000), undefined)
  t.equal(reads, 1)
  await other.findAgain('d-1', START_MS + 1500)
  t.equal(reads, 2)
})

test('an algorithm that is no longer configured verifies and does not sign', async (t) => {
  const store = memoryStore()
  const before = await preparedRing(store)
  const old = await before.signingKey('dynamic', START_MS)
  const after = ringOn(store, { algorithm: 'EdDSA' })
  await after.prepare('dynamic', START_MS + 1)
  t.equal((await after.signingKey('dynamic', START_MS + 1)).algorithm, 'EdDSA')
  t.equal(after.find(old.kid, START_MS)?.algorithm, 'ES256')
  t.equal((await before.signingKey('dynamic', START_MS + 2)).kid, old.kid)
})

test('with a secret no key stands in the store in clear', async (t) => {
  const store = memoryStore()
  const [older, newer] = deriveKeys([Buffer.alloc(32, 1), Buffer.alloc(32, 2)], 'stored key')
  if (older === undefined || newer === undefined) throw new Error('unreachable')
  const first = ringOn(store, { sealingKeys: [older] })
  await first.prepare('dynamic', START_MS)
  const { kid } = await first.signingKey('dynamic', START_MS)
  for (const { material } of await store.listKeys()) t.notMatch(material, /PRIVATE KEY/)

  const rotated = ringOn(store, { sealingKeys: [newer, older] })
  await rotated.prepare('dynamic', START_MS)
  t.equal((await rotated.signingKey('dynamic', START_MS)).kid, kid, 'a listed secret opens it')

  const replaced = ringOn(store, { sealingKeys: [newer] })
  await replaced.prepare('dynamic', START_MS + 1)
  t.equal(replaced.find(kid, START_MS), undefined, 'a secret that is gone takes its keys along')
  t.equal((await replaced.signingKey('dynamic', START_MS + 1)).kid, `d-${START_MS + 1}`)
})

test('a store that takes no key is an error and not an endless loop', async (t) => {
  const store = memoryStore()
  const deaf = new Proxy(store, {
    get: (target, name: keyof SessionStore) =>
      name === 'addKey' ? () => false : target[name]?.bind(target)
  })
  await t.rejects(preparedRing(deaf), {
    statusCode: 503,
    cause: { message: /no dynamic signing key/ }
  })
})

test('a failure to add the next key is nobody’s as long as the present one signs', async (t) => {
  const store = memoryStore()
  let isBroken = false
  const breakable = new Proxy(store, {
    get: (target, name: keyof SessionStore) => {
      if (isBroken) throw new Error('broken')
      return target[name]?.bind(target)
    }
  })
  const ring = await preparedRing(breakable)
  isBroken = true
  const due = START_MS + INTERVAL - 1
  t.equal((await ring.signingKey('dynamic', due)).kid, `d-${START_MS}`)
  await t.rejects(ring.signingKey('dynamic', START_MS + INTERVAL), /broken/)
})

test('requests that need a key at once wait for one and the same', async (t) => {
  const store = memoryStore()
  const ring = ringOn(store)
  const keys = await Promise.all([1, 2, 3].map(() => ring.signingKey('dynamic', START_MS)))
  t.equal(new Set(keys).size, 1)
  t.equal((await store.listKeys()).length, 1)
})

test('a process whose key is due takes the one that another has added', async (t) => {
  const store = memoryStore()
  const [one, two] = [await preparedRing(store), await preparedRing(store)]
  const later = START_MS + 2 * INTERVAL
  const { kid } = await one.signingKey('dynamic', later)
  t.equal((await two.signingKey('dynamic', later + 5)).kid, kid)
  t.equal((await store.listKeys()).length, 2)
})

test('requests that meet a new key together all wait for it', async (t) => {
  const store = memoryStore()
  await preparedRing(store)
  const [{ kid }] = (await store.listKeys()) as [StoredKey]
  const later: SessionStore = Object.assign(Object.create(store), {
    listKeys: async () => {
      await new Promise(setImmediate)
      return store.listKeys()
    }
  })
  const slow = ringOn(later)
  const found = await Promise.all(Array.from({ length: 3 }, () => slow.findAgain(kid, START_MS)))
  t.same(
    found.map((key) => key?.kid),
    [kid, kid, kid]
  )
})

test('a store that fails is asked again, and says nothing of a key', async (t) => {
  const store = memoryStore()
  await preparedRing(store)
  const [{ kid }] = (await store.listKeys()) as [StoredKey]
  let fails = true
  const broken: SessionStore = Object.assign(Object.create(store), {
    listKeys: async () => {
      if (fails) throw new Error('broken')
      return store.listKeys()
    }
  })
  const ring = ringOn(broken)
  for (let i = 0; i < 2; i++) await t.rejects(ring.findAgain(kid, START_MS), { message: 'broken' })
  fails = false
  t.equal((await ring.findAgain(kid, START_MS))?.kid, kid)
})

test('a key verifies nothing after its last token has ended', async (t) => {
  const store = memoryStore()
  const ring = await preparedRing(store)
  const lastUse = START_MS + INTERVAL + 20 * MINUTE
  for (const { kid, kind } of await store.listKeys()) {
    t.equal(ring.find(kid, lastUse)?.kid, kid)
    t.equal(ring.find(kid, lastUse + 1)?.kid, kind === 'static' ? kid : undefined)
  }
})

test('processes with different algorithms that start at once on a new store both have a key', async (t) => {
  for (let round = 0; round < 12; round++) {
    const store = memoryStore()
    const rings = (['ES256', 'EdDSA', 'ES256', 'EdDSA'] as const).map((algorithm) =>
      ringOn(store, { algorithm })
    )
    await Promise.all(rings.map((ring) => ring.prepare('dynamic', START_MS)))
    const keys = await Promise.all(rings.map((ring) => ring.signingKey('dynamic', START_MS)))
    t.same(
      keys.map(({ algorithm }) => algorithm),
      ['ES256', 'EdDSA', 'ES256', 'EdDSA']
    )
    t.equal(new Set((await store.listKeys()).map(({ kid }) => kid)).size, 2, 'no kid is used twice')
  }
})

test('a key that cannot be read is passed over and told of once', async (t) => {
  const store = memoryStore()
  const [secret] = deriveKeys([Buffer.alloc(32, 1)], 'stored key')
  await ringOn(store, { sealingKeys: [secret as Buffer] }).prepare('dynamic', START_MS)
  await ringOn(store, { sealingKeys: [secret as Buffer] }).signingKey('static', START_MS)
  for (const sealingKeys of [[], deriveKeys([Buffer.alloc(32, 2)], 'stored key')]) {
    const told: string[] = []
    const ring = ringOn(store, { sealingKeys, onUnreadable: (kid) => told.push(kid) })
    await ring.prepare('dynamic', START_MS + 1)
    await ring.findAgain('d-1', START_MS + 5000)
    t.equal(ring.find(`d-${START_MS}`, START_MS), undefined)
    t.match((await ring.signingKey('dynamic', START_MS + 1)).kid, /^d-/, 'it has a key of its own')
    t.equal(told.length, new Set(told).size)
    t.ok(told.includes(`d-${START_MS}`))
  }
})

test('a store that claims to have taken a key, and has none, is an error', async (t) => {
  const forgetful = Object.assign(memoryStore(), { addKey: () => true })
  await t.rejects(ringOn(forgetful).prepare('dynamic', START_MS), StoreUnavailableError)
})

test('who signs makes sure, once a minute, that its key is still in the store', async (t) => {
  const store = memoryStore()
  const [issuer, verifier] = [await preparedRing(store), await preparedRing(store)]
  const { kid: lost } = await issuer.signingKey('dynamic', START_MS)
  // As a failover does that forgets the last second.
  const emptied = memoryStore()
  Object.assign(store, {
    listKeys: () => emptied.listKeys(),
    addKey: emptied.addKey.bind(emptied)
  })
  t.equal((await issuer.signingKey('dynamic', START_MS + MINUTE - 1)).kid, lost)
  const { kid } = await issuer.signingKey('dynamic', START_MS + MINUTE)
  t.not(kid, lost)
  t.equal((await verifier.findAgain(kid, START_MS + MINUTE))?.kid, kid)
})

test('a ring that only verifies rereads the store once a minute, in the background', async (t) => {
  const store = memoryStore()
  const [issuer, verifier] = [await preparedRing(store), await preparedRing(store)]
  const { kid, header } = await issuer.signingKey('dynamic', START_MS)
  Object.assign(store, { listKeys: () => [] })
  t.ok(verifier.findByHeader(header, START_MS + MINUTE - 1))
  t.ok(verifier.findByHeader(header, START_MS + MINUTE), 'known until the store has answered')
  while (verifier.findByHeader(header, START_MS + MINUTE) !== undefined)
    await new Promise(setImmediate)
  Object.assign(store, {
    listKeys: () => {
      throw new Error('down')
    }
  })
  t.doesNotThrow(() => verifier.findByHeader(header, START_MS + 2 * MINUTE))
  t.equal((await issuer.signingKey('dynamic', START_MS + 2 * MINUTE)).kid, kid)
})
