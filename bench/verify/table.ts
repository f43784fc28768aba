import { isPeaceful, type Ratio } from '../rounds.ts'
import { thousands } from '../svg.ts'
import type { Goals } from './group.ts'
import type { Figure, MeasuredGroup, Row } from './measure.ts'

/** One table for each group. */
export function tables(groups: readonly MeasuredGroup[]): string {
  return groups.map(table).join('\n\n')
}

function table({ title, otherName, rows }: MeasuredGroup): string {
  const counts = rows[0]?.figures.map(({ sessions }) => thousands(sessions)).join(' / ') ?? ''
  const lines = rows.map((row) => {
    const cells = [
      row.name,
      figures(row, ({ bare }) => bare.processor),
      figures(row, ({ floor }) => floor?.processor ?? null),
      row.figures.map(({ processorUs }) => processorUs.toFixed(1)).join(' / '),
      figures(row, ({ bare }) => bare.requests),
      row.figures.map(({ perSecond }) => thousands(Math.round(perSecond))).join(' / '),
      goals(row, otherName)
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [
    `**${title}**, ${counts} ${counts === '1' ? 'session' : 'sessions in turn'}`,
    '',
    '| case | processor time, of bare | of the floor | us a request | requests, of bare | requests/s | target |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
    ...warnings(rows)
  ].join('\n')
}

/** Rows that cannot be used: processor time and throughput disagree. */
function warnings(rows: readonly Row[]): string[] {
  const isOdd = (ratio: Ratio | null) => ratio !== null && !isPeaceful(ratio)
  const odd = rows.filter(({ figures }) => figures.some(({ bare }) => isOdd(bare)))
  if (odd.length === 0) return []
  const names = odd.map(({ name }) => name).join('; ')
  return ['', `**Worth nothing, since something else ran on the machine**: ${names}.`]
}

function figures({ figures }: Row, read: (figure: Figure) => number | null): string {
  const values = figures.map(read).filter((value) => value !== null)
  return values.map((value) => value.toFixed(2)).join(' / ')
}

/** The target, beside the measured value where no other column has it. */
function goals(row: Row, otherName: string): string {
  const least = (name: keyof Goals) => {
    const values = row.figures.map(({ goals }) => goals[name]).filter((goal) => goal !== undefined)
    return [...new Set(values)].map((goal) => goal.toFixed(2)).join(' / ')
  }
  const parts: string[] = []
  if (least('floor') !== '') parts.push(`≥ ${least('floor')} of the floor`)
  if (least('bare') !== '') parts.push(`≥ ${least('bare')} of bare`)
  if (least('other') !== '')
    parts.push(
      `≥ ${least('other')} of ${otherName}: **${figures(row, ({ other }) => other?.processor ?? null)}**`
    )
  return parts.join(', ')
}
