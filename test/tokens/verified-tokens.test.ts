import { test } from 'tap'
import { type VerifiedToken, VerifiedTokens } from '../../lib/tokens/access-token.ts'

/** A token that weighs 700 bytes. */
function token(name: string): VerifiedToken {
  return { text: name.padStart(100, '.'), payload: {}, key: {} } as unknown as VerifiedToken
}

test('what is remembered is bounded by bytes', async (t) => {
  const tokens = new VerifiedTokens(7000)
  const all = Array.from({ length: 1000 }, (_, index) => token(`token-${index}`))
  for (const one of all) tokens.add(one)
  const kept = all.filter(({ text }) => tokens.find(text) !== undefined)
  t.ok(kept.length >= 5 && kept.length <= 10, `${kept.length} of 700 bytes`)
  t.ok(kept.includes(all.at(-1) as VerifiedToken), 'the newest among them')
})

test('what is used stays, whatever comes and goes', async (t) => {
  const tokens = new VerifiedTokens(7000)
  const used = token('used')
  tokens.add(used)
  for (let index = 0; index < 1000; index++) {
    tokens.add(token(`other-${index}`))
    t.equal(tokens.find(used.text), used)
  }
})

test('a token is found by its whole text', async (t) => {
  const tokens = new VerifiedTokens(7000)
  const one = token('same-end-0123456789')
  tokens.add(one)
  t.equal(tokens.find(`x${one.text.slice(1)}`), undefined)
  for (let index = 0; index < 5; index++) tokens.add(token(`other-${index}`))
  t.equal(tokens.find(`x${one.text.slice(1)}`), undefined, 'in the old generation')
  t.equal(tokens.find(one.text), one)
})

test('a token that is larger than half of the cache is not remembered', async (t) => {
  const tokens = new VerifiedTokens(1000)
  const one = token('large')
  tokens.add(one)
  t.equal(tokens.find(one.text), undefined)
})
