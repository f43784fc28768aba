import { measureRounds, median, type Ratio, type RoundOptions, ratioOf } from '../rounds.ts'
import type { Case, Goals, Group } from './group.ts'

/** A case over one number of sessions. */
export interface Figure {
  readonly sessions: number
  readonly bare: Ratio
  readonly floor: Ratio | null
  readonly other: Ratio | null
  readonly perSecond: number
  /** Processor time of a request, in microseconds. */
  readonly processorUs: number
  readonly goals: Goals
}

export interface Row {
  readonly name: string
  readonly kind: Case['kind']
  readonly figures: readonly Figure[]
}

export interface MeasuredGroup {
  readonly title: string
  readonly otherName: string
  readonly rows: readonly Row[]
}

export async function measureGroup(group: Group, options: RoundOptions): Promise<MeasuredGroup> {
  const rows = new Map<string, { name: string; kind: Case['kind']; figures: Figure[] }>()
  for (const sessions of new Set(group.sessions)) {
    const cases = group.cases(sessions)
    const targets = cases.flatMap(({ target, bare, floor, other }) => [target, bare, floor, other])
    const samples = await measureRounds(
      [...new Set(targets)].filter((target) => target !== undefined),
      options
    )
    for (const { name, kind, target, bare, floor, other, goals = {} } of cases) {
      const row = rows.get(name) ?? { name, kind, figures: [] }
      row.figures.push({
        sessions,
        bare: ratioOf(samples, target, bare),
        floor: floor === undefined ? null : ratioOf(samples, target, floor),
        other: other === undefined ? null : ratioOf(samples, target, other),
        perSecond: median((samples.get(target) ?? []).map(({ perSecond }) => perSecond)),
        processorUs: median((samples.get(target) ?? []).map(({ processorUs }) => processorUs)),
        goals
      })
      rows.set(name, row)
    }
  }
  return { title: group.title, otherName: group.otherName ?? '', rows: [...rows.values()] }
}
