import { test } from 'tap'
import { Revocations } from '../../lib/session/revocations.ts'

test('a session that has ended is known for as long as its access tokens can be around', async (t) => {
  let nowMs = 0
  const revocations = new Revocations(1000, () => nowMs)
  revocations.add(['a', 'b'])
  t.ok(revocations.has('a') && revocations.has('b'))
  t.notOk(revocations.has('c'))
  nowMs = 1000
  revocations.add(['c'])
  t.notOk(revocations.has('a') || revocations.has('b'))
  t.ok(revocations.has('c'))
})

test('an entry is a bounded amount of work, however many have to go', async (t) => {
  let nowMs = 0
  const revocations = new Revocations(1000, () => nowMs)
  const handles = Array.from({ length: 100 }, (_, index) => `h${index}`)
  revocations.add(handles)
  nowMs = 1000
  revocations.add(['a'])
  t.equal(handles.filter((handle) => revocations.has(handle)).length, 92)
})
