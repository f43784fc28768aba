import { test } from 'tap'
import { hashRefreshToken, RefreshTokens } from '../../lib/tokens/refresh-token.ts'

const KEY = Buffer.alloc(32, 'k')
const OLDER = Buffer.alloc(32, 'o')
const HANDLE = '0f8fad5b-d9cb-469f-a165-70867728950e_tenant-one'
const tokens = new RefreshTokens([KEY])

test('a token reads back what it was issued with', (t) => {
  const first = tokens.issueFirst(HANDLE, { withAntiCsrf: true })
  t.same(tokens.read(first.text), first)
  t.equal(first.handle, HANDLE)
  t.equal(first.parentHash, null)
  t.equal(first.hash, hashRefreshToken(first.text))
  t.match(first.hash, /^[0-9a-f]{64}$/)
  t.not(tokens.issueFirst(HANDLE, { withAntiCsrf: true }).text, first.text)
  t.end()
})

test('a token fits a cookie without being encoded', (t) => {
  const longest = `${HANDLE.slice(0, 36)}_${'t'.repeat(64)}`
  const first = tokens.issueFirst(longest, { withAntiCsrf: true })
  const child = tokens.issueChild(first, {
    nonce: 'n',
    parentHash: first.hash,
    withAntiCsrf: true
  })
  t.equal(encodeURIComponent(child.text), child.text)
  t.ok(child.text.length < 512)
  t.end()
})

test('the same parent and nonce give the same child, anything else another', (t) => {
  const first = tokens.issueFirst(HANDLE, { withAntiCsrf: false })
  const child = { nonce: 'n', parentHash: first.hash, withAntiCsrf: true }
  const text = tokens.issueChild(first, child).text
  t.equal(tokens.issueChild(first, child).text, text)
  t.equal(tokens.issueChild(first, child).parentHash, first.hash)
  t.not(tokens.issueChild(first, { ...child, nonce: 'm' }).text, text)
  t.not(tokens.issueChild(first, { ...child, withAntiCsrf: false }).text, text)
  const other = tokens.issueFirst(HANDLE, { withAntiCsrf: false })
  t.not(tokens.issueChild(other, child).text, text)
  const [named, alone] = [new RefreshTokens([OLDER, KEY]), new RefreshTokens([OLDER])]
  const { text: older } = named.issueChild(first, { ...child, nonce: named.newNonce() })
  t.equal(tokens.read(older), null, 'another key')
  t.not(alone.read(older), null)
  t.end()
})

test('processes with the same keys in another order hand out the same child', (t) => {
  const [one, two] = [new RefreshTokens([KEY, OLDER]), new RefreshTokens([OLDER, KEY])]
  for (const issuer of [one, two]) {
    const first = issuer.issueFirst(HANDLE, { withAntiCsrf: true })
    for (const nonce of [one.newNonce(), two.newNonce(), first.hash]) {
      const child = { nonce, parentHash: first.hash, withAntiCsrf: true }
      t.same(one.issueChild(first, child), two.issueChild(first, child))
    }
  }
  const first = tokens.issueFirst(HANDLE, { withAntiCsrf: false })
  const child = { nonce: two.newNonce(), parentHash: first.hash, withAntiCsrf: false }
  t.not(new RefreshTokens([OLDER]).read(one.issueChild(first, child).text), null)
  t.not(one.newNonce(), one.newNonce())
  t.end()
})

test('all keys of the list read, the first one issues', (t) => {
  const old = new RefreshTokens([OLDER]).issueFirst(HANDLE, { withAntiCsrf: false })
  const rotated = new RefreshTokens([KEY, OLDER])
  t.same(rotated.read(old.text), old)
  const fresh = rotated.issueFirst(HANDLE, { withAntiCsrf: false })
  t.not(tokens.read(fresh.text), null)
  t.equal(new RefreshTokens([OLDER]).read(fresh.text), null)
  t.end()
})

test('what was not issued here, to the letter, does not read', (t) => {
  const { text } = tokens.issueFirst(HANDLE, { withAntiCsrf: true })
  const [version, facts, mac] = text.split('.')
  const forged = Buffer.from(JSON.stringify(['h', 'i', null, null])).toString('base64url')
  for (const other of [
    '',
    '.',
    `${text}.`,
    `${text}A`,
    `v2.${facts}.${mac}`,
    `${version}.${forged}.${mac}`,
    `${version}.${facts}`,
    `${version}.${facts}.`,
    `${version}.${facts}=.${mac}`,
    'v1.x.y',
    'x'.repeat(2000)
  ])
    t.equal(tokens.read(other), null, other.slice(0, 30))
  t.end()
})
