import { hash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import type { VerificationKey } from '../../lib/keys/jwt-keys.ts'
import type { AccessToken } from '../../lib/session/types.ts'
import { VerifiedDigests, VerifiedTokens } from '../../lib/tokens/verified-tokens.ts'

const key = {} as VerificationKey

/** A token that weighs 450 bytes. */
function token(name: string): AccessToken {
  return { text: name.padStart(100, '.'), payload: {} } as AccessToken
}

test('what is remembered is bounded by bytes', async (t) => {
  const tokens = new VerifiedTokens(4500)
  const all = Array.from({ length: 1000 }, (_, index) => token(`token-${index}`))
  for (const one of all) tokens.add(one, key)
  const kept = all.filter(({ text }) => tokens.find(text) !== undefined)
  t.ok(kept.length >= 5 && kept.length <= 10, `${kept.length} of 450 bytes`)
  t.ok(kept.includes(all.at(-1) as AccessToken), 'the newest among them')
})

test('what is used stays, whatever comes and goes', async (t) => {
  const tokens = new VerifiedTokens(4500)
  const used = token('used')
  tokens.add(used, key)
  for (let index = 0; index < 1000; index++) {
    tokens.add(token(`other-${index}`), key)
    t.match(tokens.find(used.text), used)
  }
})

test('a token is found by its whole text', async (t) => {
  const tokens = new VerifiedTokens(4500)
  const one = token('same-end-0123456789')
  tokens.add(one, key)
  t.equal(tokens.find(`x${one.text.slice(1)}`), undefined)
  t.match(tokens.find(one.text), { ...one, key })
})

test('of tokens that are all in use the oldest go, and the search for them ends', async (t) => {
  const tokens = new VerifiedTokens(450 * 1000)
  const all = Array.from({ length: 1000 }, (_, index) => token(`token-${index}`))
  for (const one of all) tokens.add(one, key)
  for (const one of all) tokens.find(one.text)
  tokens.add(token('new'), key)
  t.equal(all.filter(({ text }) => tokens.find(text) === undefined).length, 1)
  t.match(tokens.find(token('token-0').text), { payload: {} }, 'the search had passed it')
})

test('a token that another key verified takes the place of the former', async (t) => {
  const tokens = new VerifiedTokens(900)
  const other = {} as VerificationKey
  const one = token('one')
  tokens.add(one, other)
  tokens.add(one, key)
  t.equal(tokens.find(one.text)?.key, key)
  tokens.add(token('two'), key)
  t.equal(tokens.find(one.text)?.key, key, 'when the former goes, it stays')
})

test('a token that is larger than the cache is not remembered', async (t) => {
  const tokens = new VerifiedTokens(449)
  const one = token('large')
  tokens.add(one, key)
  t.equal(tokens.find(one.text), undefined)
})

test('of tokens that come back to a full cache few are given a place', async (t) => {
  const tokens = new VerifiedTokens(450 * 1000)
  const all = Array.from({ length: 2000 }, (_, index) => token(`token-${index}`))
  for (const one of all.slice(0, 1000)) tokens.addAgain(one, key)
  const kept = () => all.filter(({ text }) => tokens.find(text) !== undefined)
  t.equal(kept().length, 1000, 'all, while there is room')
  for (const one of all.slice(1000)) tokens.addAgain(one, key)
  const newcomers = kept().filter((one) => all.indexOf(one) >= 1000).length
  t.ok(newcomers > 0 && newcomers < 100, `${newcomers} of 1000`)
})

test('a token does not hold on to the header that it was cut out of', async (t) => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const tokens = new VerifiedTokens(450 * 1000)
  const heap = () => {
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  for (let index = 0; index < 500; index++) {
    const header = Buffer.alloc(100_000, `token-${index}.`).toString('latin1')
    tokens.add({ ...token('x'), text: header.slice(0, 100) }, key)
  }
  const grownMB = (heap() - before) / 2 ** 20
  t.ok(grownMB < 10, `${grownMB.toFixed(1)} MB, where all headers are 50`)
})

function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

test('a digest is known when it was added, and others are not', (t) => {
  const digests = new VerifiedDigests(100_000)
  t.notOk(digests.has(digestOf('a')))
  digests.add(digestOf('a'))
  digests.add(digestOf('b'))
  t.ok(digests.has(digestOf('a')))
  t.ok(digests.has(digestOf('b')))
  for (let byte = 0; byte < 16; byte++) {
    const other = digestOf('a')
    other[byte] = (other[byte] ?? 0) ^ 1
    t.notOk(digests.has(other), `byte ${byte} counts`)
  }
  t.end()
})

test('in a full bucket the oldest digest goes', (t) => {
  // One bucket of 16.
  const digests = new VerifiedDigests(256)
  const all = Array.from({ length: 20 }, (_, index) => digestOf(String(index)))
  for (const digest of all) digests.add(digest)
  t.same(
    all.map((digest) => digests.has(digest)),
    all.map((_, index) => index >= 4)
  )
  t.end()
})

test('without memory no digest is known', (t) => {
  const digests = new VerifiedDigests(255)
  digests.add(digestOf('a'))
  t.notOk(digests.has(digestOf('a')))
  t.end()
})
