import { test } from 'tap'
import * as rotation from '../../lib/session/rotation.ts'
import { exploreQuiet, type QuietBounds } from './quiet.ts'
import { exploreSound } from './sound.ts'
import type { Machine } from './world.ts'

// `npm run rotation` goes further; docs/rotation.md says how far.

/** W in four steps, a round trip of W/4, clocks that agree. */
const tight: QuietBounds = {
  requestsInFlight: 2,
  graceUnits: 4,
  roundTripUnits: 1,
  clockErrorUnits: 0
}
const alone = { requestsInFlight: 1, graceUnits: 4, roundTripUnits: 1 }

test('no history with two requests under way ends in a false alarm or locks the owner out', (t) => {
  const report = exploreQuiet(rotation, tight)
  t.equal(report.counterexample, null)
  t.ok(report.states > 10_000, `${report.states} states`)
  t.end()
})

test('nor does one with three', (t) => {
  const report = exploreQuiet(rotation, { ...tight, requestsInFlight: 3 })
  t.equal(report.counterexample, null)
  t.ok(report.states > 50_000, `${report.states} states`)
  t.end()
})

test('clocks may differ by less than a quarter of the grace period', (t) => {
  const bounds = { ...tight, graceUnits: 8, roundTripUnits: 2 }
  t.equal(exploreQuiet(rotation, { ...bounds, clockErrorUnits: 1 }).counterexample, null)
  t.not(exploreQuiet(rotation, { ...bounds, clockErrorUnits: 2 }).counterexample, null)
  t.end()
})

test('owner and thief never share a new token, and the second to come back is reported', (t) => {
  const report = exploreSound(rotation, alone)
  t.equal(report.counterexample, null)
  t.ok(report.thefts > 100, `${report.thefts} moments of theft`)
  t.equal(report.refreshesUntilReport, 2)
  t.end()
})

/** Each part of the rule left out: the exploration has to notice. */
const withoutStragglers: Machine = {
  ...rotation,
  rotate(state, presented, context) {
    const isKnown = presented.hash === state.current || presented.parentHash === state.current
    return rotation.rotate(isKnown ? state : { ...state, previous: null }, presented, context)
  }
}

const withoutDatingAnew: Machine = {
  ...rotation,
  rotate(state, presented, context) {
    const step = rotation.rotate(state, presented, context)
    return step.outcome === 'child' && !step.confirmed ? keepDate(state, step) : step
  }
}

function keepDate(
  state: Parameters<Machine['rotate']>[0],
  step: Extract<ReturnType<Machine['rotate']>, { outcome: 'child' }>
) {
  const isSame = step.next?.successor?.nonce === state.successor?.nonce
  return isSame ? { ...step, next: null } : step
}

const withoutSettling: Machine = {
  ...rotation,
  rotate(state, presented, context) {
    const step = rotation.rotate(state, presented, context)
    if (step.outcome !== 'kept') return step
    const child = { nonce: context.freshNonce, parentHash: presented.hash }
    const successor = { nonce: context.freshNonce, handedOutAt: context.nowMs }
    const next = { ...(step.next ?? state), successor }
    return { outcome: 'child', child, next, confirmed: step.confirmed }
  }
}

for (const [name, machine] of Object.entries({
  withoutStragglers,
  withoutDatingAnew,
  withoutSettling
}))
  test(`${name}, a false alarm is found`, (t) => {
    const { counterexample } = exploreQuiet(machine, { ...tight, requestsInFlight: 3 })
    t.match(counterexample?.at(-1), /refresh with .*: theft$/)
    t.end()
  })

test('under the legacy rule a false alarm is found', (t) => {
  const legacy: Machine = {
    ...rotation,
    rotate: (state, presented, context) =>
      rotation.rotate(state, presented, { ...context, graceMs: 0 })
  }
  t.not(exploreQuiet(legacy, tight).counterexample, null)
  t.end()
})

test('an owner who is locked out is found', (t) => {
  const deaf: Machine = { ...rotation, confirmByUse: () => ({ outcome: 'stale' }) }
  t.equal(exploreQuiet(deaf, tight).counterexample?.at(-1), 'a fresh access token is refused')
  const stern: Machine = { ...rotation, rotate: () => ({ outcome: 'theft' }) }
  const found = exploreQuiet(stern, tight).counterexample
  t.same(found, ['start', 'refresh with the current token: theft'])
  t.end()
})

test('a child that never changes would hide a thief, and that is found', (t) => {
  const generous: Machine = {
    ...rotation,
    rotate(state, presented, context) {
      const successor = state.successor && { ...state.successor, handedOutAt: context.nowMs }
      return rotation.rotate({ ...state, successor }, presented, context)
    }
  }
  const { counterexample } = exploreSound(generous, alone)
  t.match(counterexample?.at(-1), /gets what the other one has$/)
  t.end()
})

test('stragglers that were welcome forever would hide a thief, and that is found', (t) => {
  const generous: Machine = {
    ...rotation,
    rotate(state, presented, context) {
      const step = rotation.rotate(state, presented, context)
      if (step.outcome !== 'theft') return step
      const child = { nonce: context.freshNonce, parentHash: state.current }
      return { outcome: 'child', child, next: null, confirmed: false }
    }
  }
  const report = exploreSound(generous, alone)
  t.match(report.counterexample?.at(-1), /and no theft is reported$/)
  t.equal(report.refreshesUntilReport, Number.POSITIVE_INFINITY)
  t.end()
})
