// How does the cost of a verified request grow?
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type MeasuredPanel, type MeasuredPoint, measurePoint } from './growth/measure.ts'
import { plotGrowth } from './growth/plot.ts'
import { panels } from './growth/points.ts'
import { report } from './report.ts'
import type { RoundOptions } from './rounds.ts'
import { thousands } from './svg.ts'
import { versions } from './versions.ts'

const PLOT = 'docs/images/bench-growth.svg'
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1' },
    sessions: { type: 'string', default: '100000' },
    write: { type: 'boolean' }
  }
})
const options: RoundOptions = { rounds: Number(values.rounds), seconds: Number(values.seconds) }

async function measureAll(): Promise<MeasuredPanel[]> {
  const folder = await mkdtemp(join(tmpdir(), 'supersession-bench-'))
  try {
    const measured: MeasuredPanel[] = []
    for (const panel of panels(Number(values.sessions))) {
      const points: MeasuredPoint[] = []
      for (const point of panel.points)
        points.push(await measurePoint(point, panel.hasPeer === true, folder, options))
      measured.push({ ...panel, points })
    }
    return measured
  } finally {
    await rm(folder, { recursive: true })
  }
}

const measured = await measureAll()
if (values.write) await writeFile(PLOT, plotGrowth(measured))
const lines = measured.flatMap(({ title, unit, points }) =>
  points.map(({ value, note, ratio, perSecond, peer }) => {
    const size = note === undefined ? thousands(value) : `${thousands(value)}, ${note}`
    const others = peer?.toFixed(2) ?? ''
    return `| ${title.toLowerCase()}, ${unit} | ${size} | ${ratio.toFixed(2)} | ${others} | ${thousands(Math.round(perSecond))} |`
  })
)
await report(
  'growth',
  [
    `Medians of ${options.rounds} rounds of ${options.seconds} s, by turns, on 64 connections. ${await versions()}.`,
    `![How the cost of a verified request grows](../${PLOT})`,
    [
      '| what grows | to | processor time, of bare | @fastify/jwt with its cache | requests/s |',
      '| --- | --- | --- | --- | --- |',
      ...lines
    ].join('\n')
  ].join('\n\n')
)
