import { dot, frame, line, ORANGE, OURS, text } from '../svg.ts'
import type { MeasuredPanel, MeasuredPoint } from './measure.ts'

const WIDTH = 880
const TOP = 116
const HEIGHT = 170
const PANEL = 230
const GAP = 48
const LEFT = 52
const PER_ROW = 3
/** From one row of panels to the next. */
const ROW = HEIGHT + 84
const MAX = 1.05

/** The ratio to bare over whatever grows, one small panel for each, as SVG. */
export function plotGrowth(panels: readonly MeasuredPanel[]): string {
  const parts: string[] = []
  parts.push(text(24, 34, 'How the cost of a verified request grows', 'title'))
  parts.push(text(24, 55, explanation(panels), 'soft'))
  panels.forEach((panel, index) => {
    const row = Math.floor(index / PER_ROW)
    parts.push(...plotPanel(panel, LEFT + (index % PER_ROW) * (PANEL + GAP), TOP + row * ROW))
  })
  const title = 'Processor time of requests next to a bare route, by what grows'
  const rows = Math.ceil(panels.length / PER_ROW)
  const height = TOP + rows * ROW - 38
  return frame({ width: WIDTH, height, title }, { ours: OURS, peer: ORANGE }, parts)
}

function plotPanel({ title, unit, points }: MeasuredPanel, left: number, top: number): string[] {
  const bottom = top + HEIGHT
  const [min, max] = [points[0]?.value ?? 1, Math.max(...points.map(({ value }) => value))]
  const spread = Math.log(max / min) || 1
  // Room for half a label on both sides.
  const xOf = (value: number) => left + 16 + ((PANEL - 32) * Math.log(value / min)) / spread
  const yOf = (ratio: number) => bottom - (HEIGHT * Math.min(ratio, MAX)) / MAX

  const parts = [
    `<text class="head" x="${left}" y="${top - 20}">${title} <tspan class="soft">${unit}</tspan></text>`
  ]
  for (const ratio of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
    const kind = ratio === 1 ? 'rule strong' : 'grid'
    parts.push(line(left, yOf(ratio), left + PANEL, yOf(ratio), kind))
    parts.push(text(left - 14, yOf(ratio) + 4, ratio.toFixed(1), 'tick'))
  }
  for (const value of new Set(points.map(({ value }) => value)))
    parts.push(text(xOf(value), bottom + 20, short(value), 'tick'))

  const curve = points.filter(({ note }) => note === undefined)
  const peers = curve.filter(({ peer }) => peer !== null)
  if (peers.length > 0)
    parts.push(polyline('peer', peers, ({ value, peer }) => [xOf(value), yOf(peer ?? 0)]))
  parts.push(polyline('ours', curve, ({ value, ratio }) => [xOf(value), yOf(ratio)]))
  for (const { value, ratio, note } of points) {
    parts.push(dot(xOf(value), yOf(ratio), note === undefined ? 'ours' : 'ours hollow'))
    parts.push(text(xOf(value), yOf(ratio) + 20, ratio.toFixed(2), 'value'))
  }
  return parts
}

function polyline(
  kind: string,
  points: readonly MeasuredPoint[],
  at: (point: MeasuredPoint) => readonly [x: number, y: number]
): string {
  const path = points.map((point) =>
    at(point)
      .map((number) => number.toFixed(1))
      .join(',')
  )
  return `<polyline class="${kind} curve" points="${path.join(' ')}"/>`
}

function explanation(panels: readonly MeasuredPanel[]): string {
  const note = panels.flatMap(({ points }) => points).find(({ note }) => note !== undefined)?.note
  const hollow = note === undefined ? '' : `; hollow: ${note.replaceAll('`', '')}`
  return `processor time of a bare route, of that of ours; orange: @fastify/jwt with its cache${hollow}`
}

/** 100k: long numbers would run into each other. */
function short(value: number): string {
  return value < 1000 ? String(value) : `${value / 1000}k`
}
