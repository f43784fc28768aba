import { test } from 'tap'
import { deriveKeys, isEqualSecret, open, seal } from '../../lib/keys/secrets.ts'

const keys = deriveKeys([Buffer.alloc(32, 'a'), Buffer.alloc(32, 'b')], 'stored key')

test('keys of different purposes and secrets differ', (t) => {
  const others = deriveKeys([Buffer.alloc(32, 'a')], 'refresh token')
  t.equal(new Set([...keys, ...others].map((key) => key.toString('hex'))).size, 3)
  t.end()
})

test('what the newest key sealed, any list with that key opens', (t) => {
  const sealed = seal('text', keys, 'context')
  t.notMatch(sealed, /text/)
  t.not(seal('text', keys, 'context'), sealed, 'twice is not the same')
  t.equal(open(sealed, keys, 'context'), 'text')
  t.equal(open(sealed, [...keys].reverse(), 'context'), 'text')
  t.end()
})

test('another key, another context, a changed or a short text opens nothing', (t) => {
  const sealed = seal('text', keys, 'context')
  t.equal(open(sealed, keys.slice(1), 'context'), null)
  t.equal(open(sealed, keys, 'other'), null)
  t.equal(open(`${sealed.slice(0, -2)}AA`, keys, 'context'), null)
  t.equal(open('AAAA', keys, 'context'), null)
  t.end()
})

test('without keys a text stays as it is', (t) => {
  t.equal(open(seal('text', [], 'context'), [], 'context'), 'text')
  t.end()
})

test('secrets are equal to themselves alone', (t) => {
  t.ok(isEqualSecret('abc', 'abc'))
  for (const other of [undefined, '', 'ab', 'abd', 'abcd', 'äb'])
    t.notOk(isEqualSecret('abc', other))
  t.end()
})
