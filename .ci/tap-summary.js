// Prints what a tap run counted as one line, 'N passed, N failed', from the TAP it wrote.
// A skip is a failure here: CI has everything that the tests need.
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

const { passed, failed, skipped } = tally(Parser.parse(readFileSync(process.argv[2], 'utf8')))
if (passed + failed === 0 || skipped > 0) process.exitCode = 1
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
