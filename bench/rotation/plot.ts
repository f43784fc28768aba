import type { Tally } from './tally.ts'

const WIDTH = 880
const LEFT = 268
/** Room for the numbers behind the dots. */
const RIGHT = 84
const TOP = 96
const ROW = 54
/** Sessions in which something never happened stand on this side of the axis. */
const NONE_WIDTH = 64
const COLOURS = ['ours', 'legacy', 'grace'] as const

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
  const scale = `of ${group(sessions)} sessions per rule and scenario; fewer is better, the axis is logarithmic`
  parts.push(text(24, 55, scale, 'soft'))
  let legend = 24
  rules.forEach((rule, index) => {
    parts.push(`<circle class="${COLOURS[index]}" cx="${legend + 6}" cy="75" r="6"/>`)
    parts.push(text(legend + 18, 79.5, rule, 'label'))
    legend += 42 + rule.length * 7.2
  })
  parts.push(line(LEFT + NONE_WIDTH / 2, TOP, LEFT + NONE_WIDTH / 2, bottom, 'grid'))
  parts.push(text(LEFT + NONE_WIDTH / 2, bottom + 20, 'none', 'tick'))
  for (let decade = 0; decade <= decades; decade++) {
    const x = xOf(10 ** decade)
    parts.push(line(x, TOP, x, bottom, 'grid'))
    parts.push(text(x, bottom + 20, group(10 ** decade), 'tick'))
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
      const colour = COLOURS[index]
      if (found.falseAlarms > 0)
        parts.push(
          `<line class="stem ${colour}" x1="${axisLeft}" y1="${lineY}" x2="${x.toFixed(1)}" y2="${lineY}"/>`
        )
      const hollow = found.falseAlarms === 0 ? ' hollow' : ''
      parts.push(`<circle class="${colour}${hollow}" cx="${x.toFixed(1)}" cy="${lineY}" r="5"/>`)
      if (found.falseAlarms > 0)
        parts.push(text(x + 11, lineY + 4, group(found.falseAlarms), 'soft'))
    })
  })
  return frame(
    WIDTH,
    bottom + 40,
    'False alarms of three rotation rules in simulated sessions',
    parts
  )
}

function frame(width: number, height: number, title: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<title>${title}</title>
<style>
svg { --paper: #ffffff; --ink: #1f2933; --soft: #5f6b7a; --faint: #e3e8ee; --ours: #0f766e; --legacy: #c2410c; --grace: #6d28d9; font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif }
@media (prefers-color-scheme: dark) { svg { --paper: #11161d; --ink: #e6edf3; --soft: #9aa7b5; --faint: #28313b; --ours: #2dd4bf; --legacy: #fb923c; --grace: #a78bfa } }
.paper { fill: var(--paper); stroke: var(--faint) }
text { fill: var(--ink); font-size: 13px }
.title { font-size: 18px; font-weight: 600 }
.soft { fill: var(--soft); font-size: 12px }
.tick { fill: var(--soft); font-size: 11.5px; text-anchor: middle }
.grid, .rule { stroke: var(--faint) }
.ours { fill: var(--ours); stroke: var(--ours) }
.legacy { fill: var(--legacy); stroke: var(--legacy) }
.grace { fill: var(--grace); stroke: var(--grace) }
.hollow { fill: var(--paper); stroke-width: 2 }
.stem { stroke-width: 2.5; stroke-opacity: 0.45 }
</style>
<rect class="paper" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
${parts.join('\n')}
</svg>
`
}

function text(x: number, y: number, content: string, kind: string): string {
  return `<text class="${kind}" x="${+x.toFixed(1)}" y="${y}">${content}</text>`
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`
}

/** Thousands apart: 100,000. */
export function group(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}
