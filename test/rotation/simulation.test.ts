import { test } from 'tap'
import { graceWindowRule, legacyRule, supersessionRule } from './rules.ts'
import { honestScenarios, theftScenarios } from './scenarios.ts'
import type { Scenario } from './simulation.ts'
import { quantile, tally } from './tally.ts'

const SEED = 7
const SESSIONS = 300
const ours = supersessionRule(30_000)
const graceWindow = graceWindowRule(30_000)

test('the same seed makes the same sessions', (t) => {
  for (const scenario of [...honestScenarios, ...theftScenarios])
    for (const rule of [ours, legacyRule, graceWindow]) {
      const [once, again] = [0, 1].map(() => tally(rule, scenario, 50, SEED))
      t.same(once, again, `${scenario.name}: ${rule.name}`)
    }
  t.end()
})

test('without clock steps and late messages nobody is logged out, whatever is lost', (t) => {
  const plain = honestScenarios.filter(
    ({ clockStepMs, network }) => clockStepMs === 0 && network !== 'stalling'
  )
  t.equal(plain.length, 4)
  for (const scenario of plain)
    t.equal(tally(ours, scenario, SESSIONS, SEED).falseAlarms, 0, scenario.name)
  t.end()
})

test('where messages are lost and tabs have no lock, the other rules log most users out', (t) => {
  const lossy = honestScenarios.find(
    ({ hasLock, network }) => !hasLock && network === 'lossy'
  ) as Scenario
  for (const rule of [legacyRule, graceWindow])
    t.ok(tally(rule, lossy, SESSIONS, SEED).falseAlarms > SESSIONS / 2, rule.name)
  t.end()
})

test('a thief who goes on is always reported', (t) => {
  const [goesOn] = theftScenarios as readonly [Scenario, ...Scenario[]]
  for (const rule of [ours, legacyRule, graceWindow]) {
    const { thefts, missed, falseAlarms, minutesToReport } = tally(rule, goesOn, SESSIONS, SEED)
    t.same({ thefts, missed, falseAlarms }, { thefts: SESSIONS, missed: 0, falseAlarms: 0 })
    t.ok(quantile(minutesToReport, 0.95) < 12 * 60, rule.name)
  }
  t.end()
})

test('a thief who refreshes once is missed in less than one theft of a hundred', (t) => {
  const [, once] = theftScenarios as readonly [Scenario, Scenario]
  const { thefts, missed } = tally(ours, once, 2000, SEED)
  t.equal(thefts, 2000)
  t.ok(missed > 0 && missed < thefts / 100, `${missed} of ${thefts}`)
  t.end()
})

test('with a grace window alone no access token ever has to be confirmed', (t) => {
  const token = { hash: 'login', parentHash: null }
  t.equal(graceWindow.open(token).use(token, 0), null)
  t.end()
})

test('a quantile of nothing is not a number', (t) => {
  t.ok(Number.isNaN(quantile([], 0.5)))
  t.end()
})
