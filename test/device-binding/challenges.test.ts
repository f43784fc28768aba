import { randomBytes } from 'node:crypto'
import { test } from 'tap'
import { Challenges } from '../../lib/device-binding/challenges.ts'
import { START_MS } from '../builders/app.ts'

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)]
const challenges = new Challenges([newKey, oldKey], 'refresh', 60_000)

test('a challenge is good for its subject until it ends', async (t) => {
  const text = challenges.issue('handle', START_MS)
  t.match(text, /^[\w.-]+$/, 'it needs no quoting')
  t.equal(challenges.read(text, 'handle', START_MS + 59_999), START_MS)
  t.equal(challenges.read(text, 'handle', START_MS + 60_000), 'expired')
  t.equal(challenges.read(text, 'another', START_MS), 'unknown')
})

test('a challenge of a longer subject is none of a shorter one', async (t) => {
  const date = (START_MS * 2).toString(36)
  const text = challenges.issue(`handle ${date}`, START_MS)
  for (const other of [`${date} ${text}`, `${date}","${text}`])
    t.equal(challenges.read(other, 'handle', START_MS), 'unknown')
})

test('no two challenges are alike', async (t) => {
  t.not(challenges.issue('handle', START_MS), challenges.issue('handle', START_MS))
})

test('a challenge is of no use for another purpose', async (t) => {
  const text = new Challenges([newKey], 'registration', 60_000).issue('handle', START_MS)
  t.equal(challenges.read(text, 'handle', START_MS), 'unknown')
})

test('a challenge that was changed or made up is unknown', async (t) => {
  const text = challenges.issue('handle', START_MS)
  for (const other of ['', '.', 'a.b.c', `${text}A`, text.replace(/^./, 'z')])
    t.equal(challenges.read(other, 'handle', START_MS), 'unknown', JSON.stringify(other))
})

test('a challenge outlives a change of the secret', async (t) => {
  const text = new Challenges([oldKey], 'refresh', 60_000).issue('handle', START_MS)
  t.equal(challenges.read(text, 'handle', START_MS), START_MS)
  const later = new Challenges([newKey], 'refresh', 60_000)
  t.equal(later.read(text, 'handle', START_MS), 'unknown')
})
