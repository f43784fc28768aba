import type { Tally } from '../../test/rotation/tally.ts'
import { frame, line, ORANGE, OURS, text, thousands, VIOLET } from '../svg.ts'

const WIDTH = 880
const LEFT = 268
/** Room for the numbers behind the dots. */
const RIGHT = 84
const TOP = 96
const ROW = 54
/** Sessions in which something never happened stand on this side of the axis. */
const NONE_WIDTH = 64
const COLOURS = { ours: OURS, legacy: ORANGE, grace: VIOLET }
const CLASSES = Object.keys(COLOURS)

/** False alarms of each rule in each scenario, on a logarithmic axis, as SVG. */
export function plotFalseAlarms(tallies: readonly Tally[]): string {
  const scenarios = [...new Set(tallies.map(({ scenario }) => scenario))]
  const rules = [...new Set(tallies.map(({ rule }) => rule))]
  const sessions = tallies[0]?.sessions ?? 1
  const decades = Math.ceil(Math.log10(sessions))
  const axisLeft = LEFT + NONE_WIDTH
  const bottom = TOP + scenarios.length * ROW
  const xOf = (count: number) =>
    count === 0
      ? LEFT + NONE_WIDTH / 2
      : axisLeft + ((WIDTH - RIGHT - axisLeft) * Math.log10(count)) / decades

  const parts: string[] = []
  parts.push(text(24, 34, 'Theft reported where there was none', 'title'))
  const scale = `of ${thousands(sessions)} sessions per rule and scenario; fewer is better, the axis is logarithmic`
  parts.push(text(24, 55, scale, 'soft'))
  let legend = 24
  rules.forEach((rule, index) => {
    parts.push(`<circle class="${CLASSES[index]}" cx="${legend + 6}" cy="75" r="6"/>`)
    parts.push(text(legend + 18, 79.5, rule, 'label'))
    legend += 42 + rule.length * 7.2
  })
  parts.push(line(LEFT + NONE_WIDTH / 2, TOP, LEFT + NONE_WIDTH / 2, bottom, 'grid'))
  parts.push(text(LEFT + NONE_WIDTH / 2, bottom + 20, 'none', 'tick'))
  for (let decade = 0; decade <= decades; decade++) {
    const x = xOf(10 ** decade)
    parts.push(line(x, TOP, x, bottom, 'grid'))
    parts.push(text(x, bottom + 20, thousands(10 ** decade), 'tick'))
  }
  scenarios.forEach((scenario, row) => {
    const y = TOP + row * ROW + ROW / 2
    if (row > 0) parts.push(line(24, y - ROW / 2, WIDTH - 24, y - ROW / 2, 'rule'))
    const [where = '', who = ''] = scenario.split(', ')
    parts.push(text(24, y - 3, where, 'label'), text(24, y + 14, who, 'soft'))
    rules.forEach((rule, index) => {
      const found = tallies.find((one) => one.scenario === scenario && one.rule === rule)
      if (found === undefined) return
      const lineY = y + (index - 1) * 14
      const x = xOf(found.falseAlarms)
      const colour = CLASSES[index]
      if (found.falseAlarms > 0)
        parts.push(
          `<line class="stem ${colour}" x1="${axisLeft}" y1="${lineY}" x2="${x.toFixed(1)}" y2="${lineY}"/>`
        )
      const hollow = found.falseAlarms === 0 ? ' hollow' : ''
      parts.push(`<circle class="${colour}${hollow}" cx="${x.toFixed(1)}" cy="${lineY}" r="5"/>`)
      if (found.falseAlarms > 0)
        parts.push(text(x + 11, lineY + 4, thousands(found.falseAlarms), 'soft'))
    })
  })
  const title = 'False alarms of three rotation rules in simulated sessions'
  return frame({ width: WIDTH, height: bottom + 40, title }, COLOURS, parts)
}
