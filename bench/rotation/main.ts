// Explores and simulates the rotation of refresh tokens, and writes what came out into
// docs/rotation.md. `npm run rotation`; with `explore` or `simulate` behind it, that part alone.
import { readFile, writeFile } from 'node:fs/promises'
import * as rotation from '../../lib/session/rotation.ts'
import { exploreQuiet, type QuietBounds } from '../../test/rotation/quiet.ts'
import { graceWindowRule, legacyRule, supersessionRule } from '../../test/rotation/rules.ts'
import { honestScenarios, theftScenarios } from '../../test/rotation/scenarios.ts'
import { exploreSound, type SoundBounds } from '../../test/rotation/sound.ts'
import { quantile, type Tally, tally } from '../../test/rotation/tally.ts'
import { thousands } from '../svg.ts'
import { plotFalseAlarms } from './plot.ts'

const PAGE = 'docs/rotation.md'
const PLOT = 'docs/images/rotation-false-alarms.svg'
const SEED = 20260101
const SESSIONS = 100_000
const GRACE_MS = 30_000
const LONG_GRACE_MS = 300_000

/** Within what the page promises, and one step beyond it to each side. */
const quietBounds: readonly QuietBounds[] = [
  { requestsInFlight: 2, graceUnits: 4, roundTripUnits: 1, clockErrorUnits: 0 },
  { requestsInFlight: 3, graceUnits: 4, roundTripUnits: 1, clockErrorUnits: 0 },
  { requestsInFlight: 4, graceUnits: 4, roundTripUnits: 1, clockErrorUnits: 0 },
  { requestsInFlight: 5, graceUnits: 4, roundTripUnits: 1, clockErrorUnits: 0 },
  { requestsInFlight: 4, graceUnits: 8, roundTripUnits: 2, clockErrorUnits: 0 },
  { requestsInFlight: 3, graceUnits: 8, roundTripUnits: 2, clockErrorUnits: 1 },
  { requestsInFlight: 3, graceUnits: 8, roundTripUnits: 3, clockErrorUnits: 0 },
  { requestsInFlight: 2, graceUnits: 8, roundTripUnits: 4, clockErrorUnits: 0 },
  { requestsInFlight: 2, graceUnits: 8, roundTripUnits: 2, clockErrorUnits: 2 }
]
const soundBounds: readonly SoundBounds[] = [
  { requestsInFlight: 2, graceUnits: 4, roundTripUnits: 1 },
  { requestsInFlight: 2, graceUnits: 8, roundTripUnits: 2 }
]

function explore(): string {
  const quiet = quietBounds.map((bounds) => {
    const { states, transitions, counterexample } = exploreQuiet(rotation, bounds)
    return [
      bounds.requestsInFlight,
      `W/${bounds.graceUnits}`,
      share(bounds.roundTripUnits, bounds.graceUnits),
      share(bounds.clockErrorUnits, bounds.graceUnits),
      thousands(states),
      thousands(transitions),
      counterexample === null ? 'none' : `after ${counterexample.length - 1} events`
    ]
  })
  const sound = soundBounds.map((bounds) => {
    const report = exploreSound(rotation, bounds)
    return [
      `W/${bounds.graceUnits}`,
      thousands(report.thefts),
      thousands(report.states),
      thousands(report.transitions),
      report.counterexample === null ? 'none' : `after ${report.counterexample.length - 1} events`,
      report.refreshesUntilReport
    ]
  })
  return [
    table(
      [
        'requests under way',
        'step of time',
        'round trip',
        'clocks differ by',
        'states',
        'moves',
        'false alarm'
      ],
      quiet
    ),
    table(
      [
        'step of time',
        'moments of theft',
        'states',
        'moves',
        'missing report',
        'refreshes until the report, in turns'
      ],
      sound
    )
  ].join('\n\n')
}

async function simulateAll(): Promise<string> {
  const rules = [supersessionRule(GRACE_MS), legacyRule, graceWindowRule(GRACE_MS)]
  const run = (scenario: (typeof honestScenarios)[number]) =>
    rules.map((rule) => {
      console.log(`${scenario.name}: ${rule.name}`)
      return tally(rule, scenario, SESSIONS, SEED)
    })
  const honest = honestScenarios.map(run)
  const thefts = theftScenarios.map(run)
  await writeFile(PLOT, plotFalseAlarms(honest.flat()))
  const late = honestScenarios.find(({ network }) => network === 'stalling')
  const patient = late && tally(supersessionRule(LONG_GRACE_MS), late, SESSIONS, SEED)
  return [
    `Seed ${SEED}, ${thousands(SESSIONS)} sessions per rule and scenario, W = 30 s, G = 30 s.`,
    'False alarms:',
    table(
      ['scenario', ...rules.map(({ name }) => name)],
      honest.map((row) => [
        row[0]?.scenario ?? '',
        ...row.map(({ falseAlarms }) => thousands(falseAlarms))
      ])
    ),
    `With W = 300 s, the last row has ${thousands(patient?.falseAlarms ?? 0)} false alarms under the rule of this package.`,
    'Thefts, from the first refresh of the thief to the report:',
    table(
      ['scenario', 'rule', 'false alarms', 'thefts', 'missed', 'reported at once', '95 % within'],
      thefts.flat().map(theftRow)
    )
  ].join('\n\n')
}

function theftRow({ scenario, rule, falseAlarms, thefts, missed, minutesToReport }: Tally) {
  const atOnce = minutesToReport.filter((minutes) => minutes === 0).length
  return [
    scenario,
    rule,
    thousands(falseAlarms),
    thousands(thefts),
    thousands(missed),
    `${((100 * atOnce) / thefts).toFixed(1)} %`,
    `${quantile(minutesToReport, 0.95).toFixed(0)} min`
  ]
}

function share(units: number, graceUnits: number): string {
  if (units === 0) return '0'
  const divisor = [4, 2, 1].find((one) => units % one === 0 && graceUnits % one === 0) ?? 1
  const top = units / divisor
  return `${top === 1 ? '' : `${top} `}W/${graceUnits / divisor}`
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Puts text between two marks of the page. */
async function writeBlock(name: string, text: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8')
  const [open, close] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const [start, end] = [page.indexOf(open), page.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`${PAGE} has no place for ${name}`)
  await writeFile(PAGE, `${page.slice(0, start + open.length)}\n${text}\n${page.slice(end)}`)
}

const part = process.argv[2]
if (part === undefined || part === 'explore') await writeBlock('exploration', explore())
if (part === undefined || part === 'simulate') await writeBlock('simulation', await simulateAll())
