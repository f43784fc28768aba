import { dot, frame, line, ORANGE, OURS, text, thousands, VIOLET } from '../svg.ts'
import type { MeasuredGroup, Row } from './measure.ts'

const WIDTH = 880
const LEFT = 290
/** Room for the numbers behind the dots. */
const RIGHT = 112
const TOP = 104
const ROW = 25
const HEAD = 34
/** The axis goes a little beyond bare, for the sake of noise. */
const MAX = 1.05
const COLOURS = { ours: OURS, peer: ORANGE, floor: VIOLET }
const LEGEND = {
  ours: 'fastify-supersession',
  floor: 'floor: looks the token up, no more',
  peer: 'others'
}

/** What a bare route takes of the processor, next to each case, as SVG. */
export function plotRatios(groups: readonly MeasuredGroup[]): string {
  const rowCount = groups.reduce((sum, { rows }) => sum + rows.length, 0)
  const bottom = TOP + groups.length * HEAD + rowCount * ROW + 10
  const xOf = (ratio: number) => LEFT + ((WIDTH - RIGHT - LEFT) * Math.min(ratio, MAX)) / MAX

  const parts: string[] = []
  parts.push(
    text(24, 34, 'Processor time of a route without any check, of that of each case', 'title')
  )
  parts.push(text(24, 55, explanation(groups), 'soft'))
  parts.push(...legend())
  for (const ratio of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    parts.push(line(xOf(ratio), TOP, xOf(ratio), bottom, ratio === 1 ? 'rule strong' : 'grid'))
    parts.push(text(xOf(ratio), bottom + 19, ratio.toFixed(1), 'tick'))
  }
  let y = TOP
  groups.forEach(({ title, rows }, index) => {
    if (index > 0) parts.push(line(24, y + 5, WIDTH - 24, y + 5, 'rule'))
    parts.push(text(24, y + 25, title, 'head'))
    y += HEAD
    for (const row of rows) {
      parts.push(...plotRow(row, y + ROW / 2, xOf))
      y += ROW
    }
  })
  const title = 'What a verified request costs'
  return frame({ width: WIDTH, height: bottom + 38, title }, COLOURS, parts)
}

function plotRow(row: Row, y: number, xOf: (ratio: number) => number): string[] {
  const parts = [text(36, y + 4, row.name.replaceAll('`', ''), 'label')]
  const furthest = Math.max(...row.figures.map(({ bare }) => bare.processor))
  parts.push(line(xOf(0), y, xOf(furthest), y, `stem ${row.kind}`))
  for (const { goals } of row.figures)
    if (goals.bare !== undefined)
      parts.push(line(xOf(goals.bare), y - 9, xOf(goals.bare), y + 9, 'goal'))
  // The filled one last: where both are, it is the one to see.
  for (const { bare, sessions } of row.figures.toReversed())
    parts.push(dot(xOf(bare.processor), y, sessions === 1 ? row.kind : `${row.kind} hollow`))
  const numbers = row.figures.map(({ bare }) => bare.processor.toFixed(2)).join(' / ')
  parts.push(text(WIDTH - RIGHT + 18, y + 4, numbers, 'soft'))
  return parts
}

function legend(): string[] {
  let x = 24
  return Object.entries(LEGEND).flatMap(([kind, name]) => {
    const parts = [dot(x + 6, 76, kind), text(x + 18, 80, name, 'label')]
    x += 46 + name.length * 6.9
    return parts
  })
}

function explanation(groups: readonly MeasuredGroup[]): string {
  const many = Math.max(
    ...groups.flatMap(({ rows }) =>
      rows.flatMap(({ figures }) => figures.map(({ sessions }) => sessions))
    )
  )
  return `filled: one session; hollow: ${thousands(many)} in turn; more is better, and a short upright line is the target`
}
