// Prints what runs of tap counted as one line, 'N passed, N failed', from the TAP that they wrote.
// With CI set a skip is a failure: CI has everything that the tests need.
import { readFileSync } from 'node:fs'
import { Parser } from 'tap-parser'

/** Counts the assertions in a list of TAP events, subtests included. */
function tally(events) {
  const sum = { passed: 0, failed: 0, skipped: 0 }
  let subtest
  for (const [type, value] of events) {
    if (type === 'child') {
      subtest = tally(value)
    } else if (type === 'bailout') {
      sum.failed++
    } else if (type === 'assert') {
      addAssertion(sum, value, subtest)
      subtest = undefined
    }
  }
  return sum
}

/** Adds one assertion, or the subtest that it closes, to the sum. */
function addAssertion(sum, { ok, skip, todo }, subtest) {
  if (subtest !== undefined) for (const key of Object.keys(sum)) sum[key] += subtest[key]
  if (skip || todo) sum.skipped++
  else if (subtest === undefined) sum[ok ? 'passed' : 'failed']++
  // A subtest that crashed, timed out or broke its plan fails without a failing assertion.
  else if (!ok && subtest.failed === 0) sum.failed++
}

const sum = { passed: 0, failed: 0, skipped: 0 }
for (const file of process.argv.slice(2)) {
  const counts = tally(Parser.parse(readFileSync(file, 'utf8')))
  // A run that counted nothing did not start.
  if (counts.passed + counts.failed === 0) process.exitCode = 1
  for (const key of Object.keys(sum)) sum[key] += counts[key]
}
const { passed, failed, skipped } = sum
if (skipped > 0 && process.env.CI) process.exitCode = 1
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
