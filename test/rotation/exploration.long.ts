import { test } from 'tap'
import * as rotation from '../../lib/session/rotation.ts'
import { exploreQuiet, type QuietBounds } from './quiet.ts'

// Part of `npm run test:long`: more of what docs/rotation.md promises than exploration.test.ts has
// time for. `npm run rotation` explores all of it.
const bounds: readonly QuietBounds[] = [
  { requestsInFlight: 4, graceUnits: 4, roundTripUnits: 1, clockErrorUnits: 0 },
  { requestsInFlight: 3, graceUnits: 8, roundTripUnits: 2, clockErrorUnits: 1 },
  { requestsInFlight: 3, graceUnits: 8, roundTripUnits: 3, clockErrorUnits: 0 }
]

for (const bound of bounds) {
  const { requestsInFlight, graceUnits, roundTripUnits, clockErrorUnits } = bound
  const name = `${requestsInFlight} requests under way, a round trip of ${roundTripUnits}/${graceUnits} W, clocks that differ by ${clockErrorUnits}/${graceUnits} W`
  test(`no history ends in a false alarm: ${name}`, (t) => {
    const { counterexample, states } = exploreQuiet(rotation, bound)
    t.equal(counterexample, null)
    t.comment(`${states} states`)
    t.end()
  })
}
