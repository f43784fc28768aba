import { dot, frame, line, OURS, text } from '../svg.ts'
import type { MeasuredPanel, MeasuredPoint } from './measure.ts'

const WIDTH = 880
const TOP = 116
const BOTTOM = 286
const PANEL = 230
const GAP = 48
const LEFT = 52
const MAX = 1.05

/** The ratio to bare over whatever grows, one small panel for each, as SVG. */
export function plotGrowth(panels: readonly MeasuredPanel[]): string {
  const parts: string[] = []
  parts.push(text(24, 34, 'How the cost of a verified request grows', 'title'))
  parts.push(text(24, 55, explanation(panels), 'soft'))
  panels.forEach((panel, index) => {
    parts.push(...plotPanel(panel, LEFT + index * (PANEL + GAP)))
  })
  const title = 'Verified requests by number of sessions, size of the payload and number of claims'
  return frame({ width: WIDTH, height: BOTTOM + 46, title }, { ours: OURS }, parts)
}

function plotPanel({ title, unit, points }: MeasuredPanel, left: number): string[] {
  const [min, max] = [points[0]?.value ?? 1, Math.max(...points.map(({ value }) => value))]
  const spread = Math.log(max / min) || 1
  // Room for half a label on both sides.
  const xOf = (value: number) => left + 16 + ((PANEL - 32) * Math.log(value / min)) / spread
  const yOf = (ratio: number) => BOTTOM - ((BOTTOM - TOP) * Math.min(ratio, MAX)) / MAX

  const parts = [
    `<text class="head" x="${left}" y="${TOP - 20}">${title} <tspan class="soft">${unit}</tspan></text>`
  ]
  for (const ratio of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    const kind = ratio === 1 ? 'rule strong' : 'grid'
    parts.push(line(left, yOf(ratio), left + PANEL, yOf(ratio), kind))
    parts.push(text(left - 14, yOf(ratio) + 4, ratio.toFixed(1), 'tick'))
  }
  for (const value of new Set(points.map(({ value }) => value)))
    parts.push(text(xOf(value), BOTTOM + 20, short(value), 'tick'))

  const at = ({ value, ratio }: MeasuredPoint) => [xOf(value), yOf(ratio)] as const
  const curve = points.filter(({ note }) => note === undefined)
  const path = curve.map((point) =>
    at(point)
      .map((number) => number.toFixed(1))
      .join(',')
  )
  parts.push(`<polyline class="ours curve" points="${path.join(' ')}"/>`)
  for (const point of points) {
    const [x, y] = at(point)
    parts.push(dot(x, y, point.note === undefined ? 'ours' : 'ours hollow'))
    parts.push(text(x, y + 20, point.ratio.toFixed(2), 'value'))
  }
  return parts
}

function explanation(panels: readonly MeasuredPanel[]): string {
  const note = panels.flatMap(({ points }) => points).find(({ note }) => note !== undefined)?.note
  const hollow = note === undefined ? '' : `; hollow: ${note.replaceAll('`', '')}`
  return `requests served for each one of a route without any check, on the same requests${hollow}`
}

/** 100k: long numbers would run into each other. */
function short(value: number): string {
  return value < 1000 ? String(value) : `${value / 1000}k`
}
