import { test } from 'tap'
import {
  confirmByUse,
  type PresentedToken,
  rotate,
  startRotation
} from '../../lib/session/rotation.ts'
import type { RotationState } from '../../lib/stores/store.ts'
import { randomOf } from '../rotation/random.ts'
import { legacyRule, supersessionRule } from '../rotation/rules.ts'

// The cast: `first` was current and is no more, `second` is its child and current, `third` is a
// child of that one. W is 100 s. The clock says 1000 s.
const SECOND = 1000
const W = 100 * SECOND
const NOW = 1000 * SECOND
const first = { hash: 'first', parentHash: 'zeroth' }
const second = { hash: 'second', parentHash: 'first' }
const third = { hash: 'third', parentHash: 'second' }

function ago(seconds: number): number {
  return NOW - seconds * SECOND
}

/** `second` is current; the rest as told. */
function state(given: Partial<RotationState> = {}): RotationState {
  return { current: 'second', successor: null, previous: null, ...given }
}

function handedOut(seconds: number) {
  return { successor: { nonce: 'old nonce', handedOutAt: ago(seconds) } }
}

function confirmed(seconds: number) {
  return { previous: { hash: 'first', confirmedAt: ago(seconds), successorNonce: 'its nonce' } }
}

function step(from: RotationState, presented: PresentedToken, graceMs = W) {
  return rotate(from, presented, {
    nowMs: NOW,
    graceMs,
    freshNonce: 'fresh nonce',
    childHash: (nonce) => (presented === first && nonce === 'its nonce' ? 'second' : 'other')
  })
}

const afresh = { nonce: 'fresh nonce', handedOutAt: NOW }

test('a session starts with its first token as the current one', (t) => {
  t.same(startRotation('first'), { current: 'first', successor: null, previous: null })
  t.end()
})

test('the current token is exchanged for a new child, and stays current', (t) => {
  t.same(step(state(), second), {
    outcome: 'child',
    child: { nonce: 'fresh nonce', parentHash: 'second' },
    next: state({ successor: afresh }),
    confirmed: false
  })
  t.end()
})

for (const [age, child, written] of [
  [0, 'the same', false],
  [24.999, 'the same', false],
  [25, 'the same', true],
  [99.999, 'the same', true],
  [100, 'a new', true],
  [1_000_000, 'a new', true],
  [-500, 'the same', false]
] as const)
  test(`a child that was handed out ${age} s ago: ${child} child, ${written ? 'dated' : 'not written'}`, (t) => {
    const nonce = child === 'the same' ? 'old nonce' : 'fresh nonce'
    t.same(step(state(handedOut(age)), second), {
      outcome: 'child',
      child: { nonce, parentHash: 'second' },
      next: written ? state({ successor: { nonce, handedOutAt: NOW } }) : null,
      confirmed: false
    })
    t.end()
  })

for (const [age, outcome] of [
  [0, 'kept'],
  [49.999, 'kept'],
  [50, 'child'],
  [-500, 'kept']
] as const)
  test(`the current token, confirmed ${age} s ago, is ${outcome === 'kept' ? outcome : 'exchanged'}`, (t) => {
    const found = step(state(confirmed(age)), second)
    t.equal(found.outcome, outcome)
    if (outcome === 'kept') t.same(found, { outcome, next: null, confirmed: false })
    else t.match(found, { child: { nonce: 'fresh nonce' }, next: { ...confirmed(age) } })
    t.end()
  })

test('a child that was handed out goes before waiting: who asks again gets it again', (t) => {
  const found = step(state({ ...confirmed(1), ...handedOut(1) }), second)
  t.match(found, { outcome: 'child', child: { nonce: 'old nonce' }, next: null })
  t.end()
})

const promoted = {
  current: 'third',
  previous: { hash: 'second', confirmedAt: NOW, successorNonce: 'old nonce' }
}

for (const [age, outcome] of [
  [0, 'kept'],
  [99.999, 'kept'],
  [100, 'child']
] as const)
  test(`a child of the current token, handed out ${age} s ago, becomes current and is ${outcome === 'kept' ? outcome : 'exchanged'}`, (t) => {
    const found = step(state({ ...handedOut(age), ...confirmed(200) }), third)
    const successor = outcome === 'kept' ? null : afresh
    t.match(found, { outcome, confirmed: true, next: { ...promoted, successor } })
    if (found.outcome === 'child')
      t.same(found.child, { nonce: 'fresh nonce', parentHash: 'third' })
    t.end()
  })

test('a child whose nonce was forgotten becomes current and is exchanged', (t) => {
  t.match(step(state(), third), {
    outcome: 'child',
    confirmed: true,
    next: { current: 'third', previous: { hash: 'second', successorNonce: null } }
  })
  t.end()
})

test('the previous token gets the confirmed child again, and nothing is written', (t) => {
  t.same(step(state(confirmed(99.999)), first), {
    outcome: 'child',
    child: { nonce: 'its nonce', parentHash: 'first' },
    next: null,
    confirmed: false
  })
  t.end()
})

for (const [name, presented, previous] of [
  ['another child of the previous token', { hash: 'sibling', parentHash: 'first' }, {}],
  ['the previous token, whose nonce yields another', first, { successorNonce: 'other nonce' }],
  ['the previous token, whose nonce is unknown', first, { successorNonce: null }]
] as const)
  test(`${name} gets a child of the current token, and the same one if it asks again`, (t) => {
    const from = state({ previous: { ...confirmed(99.999).previous, ...previous } })
    for (let times = 0; times < 2; times++)
      t.same(step(from, presented), {
        outcome: 'child',
        child: { nonce: 'second', parentHash: 'second' },
        next: null,
        confirmed: false
      })
    t.end()
  })

for (const [name, presented, age, outcome] of [
  ['the previous token', first, 99.999, 'child'],
  ['the previous token', first, 100, 'theft'],
  ['the previous token, the clock set back', first, -500, 'child'],
  [
    'another child of the previous token',
    { hash: 'sibling', parentHash: 'first' },
    99.999,
    'child'
  ],
  ['another child of the previous token', { hash: 'sibling', parentHash: 'first' }, 100, 'theft'],
  ['the token before the previous one', { hash: 'zeroth', parentHash: null }, 0, 'theft'],
  ['a child of the one before', { hash: 'cousin', parentHash: 'zeroth' }, 0, 'theft']
] as const)
  test(`${name}, ${age} s after it was replaced: ${outcome}`, (t) => {
    t.equal(step(state(confirmed(age)), presented).outcome, outcome)
    t.end()
  })

test('in a session that was never refreshed any other token is theft', (t) => {
  t.same(step(state(), first), { outcome: 'theft' })
  t.end()
})

test('the first use of a child’s access token makes the child current', (t) => {
  const from = state({ ...handedOut(3600), ...confirmed(7200) })
  t.same(confirmByUse(from, third, NOW), {
    outcome: 'confirmed',
    next: { ...promoted, successor: null }
  })
  t.end()
})

test('another use before the client has its confirmed access token changes nothing', (t) => {
  t.same(confirmByUse(state(confirmed(1)), second, NOW), { outcome: 'current' })
  t.end()
})

test('an access token of another branch or of an older token is stale', (t) => {
  for (const used of [first, { hash: 'sibling', parentHash: 'first' }])
    t.same(confirmByUse(state(confirmed(1)), used, NOW), { outcome: 'stale' })
  t.end()
})

test('without a grace period nothing is remembered, kept or forgiven, whatever the clock says', (t) => {
  t.match(step(state(), second, 0), { outcome: 'child', next: null, confirmed: false })
  t.match(step(state(handedOut(0)), second, 0), { child: { nonce: 'fresh nonce' } })
  t.match(step(state(confirmed(0)), second, 0), { outcome: 'child', next: null })
  t.match(step(state(handedOut(0)), third, 0), {
    outcome: 'child',
    next: { ...promoted, successor: null }
  })
  for (const age of [0, -500])
    t.equal(step(state(confirmed(age)), first, 0).outcome, 'theft', `${age}`)
  t.end()
})

test('without a grace period it is the legacy rule, on two thousand random histories', (t) => {
  for (let history = 0; history < 2000; history++) {
    const random = randomOf(history)
    const login = { hash: 'login', parentHash: null }
    const sessions = [supersessionRule(0).open(login), legacyRule.open(login)] as const
    const tokens: PresentedToken[] = [login]
    let nowMs = 0
    for (let event = 0; event < 25; event++) {
      nowMs += random.between(-60, 60) * SECOND
      // Mostly one of the newest, or no history would live long.
      const back = Math.floor(random.skewed(1, 1))
      const shown = tokens[Math.max(0, tokens.length - 1 - back)] as PresentedToken
      if (random.chance(0.5) && shown.parentHash !== null) {
        const [ours, legacy] = sessions.map((session) => session.use(shown, nowMs))
        // The legacy rule lets a token of a losing branch pass; ours asks for a refresh.
        if (legacy === null) t.equal(ours, '401')
        else t.same(ours, legacy)
        continue
      }
      const [ours, legacy] = sessions.map((session) => session.refresh(shown, nowMs))
      if (JSON.stringify(ours) !== JSON.stringify(legacy)) t.same(ours, legacy, `${history}`)
      if (ours === 'theft' || ours?.refresh == null) break
      tokens.push(ours.refresh)
    }
  }
  t.pass('both answered alike')
  t.end()
})
