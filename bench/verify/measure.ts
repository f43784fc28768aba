import type { LoadTarget, Sample } from '../load.ts'
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

/** What a case is compared with. */
type Side = 'target' | 'bare' | 'floor' | 'other'

/** All rounds of a case, over one number of sessions: those of each life, one after the other. */
interface Rounds {
  readonly name: string
  readonly kind: Case['kind']
  readonly goals: Goals
  readonly sessions: number
  readonly samples: Record<Side, Sample[]>
}

/** Measures a group with servers that are started anew for each life. */
export async function measureGroup(
  open: () => Promise<{ group: Group; stop: () => void }>,
  { lives, ...options }: RoundOptions & { readonly lives: number }
): Promise<MeasuredGroup> {
  const all = new Map<string, Rounds>()
  let names = { title: '', otherName: '' }
  for (let life = 0; life < lives; life++) {
    const { group, stop } = await open()
    names = { title: group.title, otherName: group.otherName ?? '' }
    try {
      for (const sessions of new Set(group.sessions))
        await measureLife(all, group, sessions, options)
    } finally {
      stop()
    }
  }
  const rows = new Map<string, { kind: Case['kind']; figures: Figure[] }>()
  for (const rounds of all.values()) {
    const row = rows.get(rounds.name) ?? { kind: rounds.kind, figures: [] }
    rows.set(rounds.name, row)
    row.figures.push(figureOf(rounds))
  }
  return { ...names, rows: [...rows].map(([name, row]) => ({ name, ...row })) }
}

async function measureLife(
  all: Map<string, Rounds>,
  group: Group,
  sessions: number,
  options: RoundOptions
): Promise<void> {
  const cases = group.cases(sessions)
  const targets = cases.flatMap(({ target, bare, floor, other }) => [target, bare, floor, other])
  const isThere = (target: LoadTarget | undefined) => target !== undefined
  const samples = await measureRounds([...new Set(targets.filter(isThere))], options)
  for (const { name, kind, goals = {}, ...sides } of cases) {
    const key = `${name} ${sessions}`
    const none = { target: [], bare: [], floor: [], other: [] }
    const rounds = all.get(key) ?? { name, kind, goals, sessions, samples: none }
    all.set(key, rounds)
    for (const [side, target] of Object.entries(sides) as [Side, LoadTarget][])
      rounds.samples[side].push(...(samples.get(target) ?? []))
  }
}

function figureOf({ sessions, goals, samples }: Rounds): Figure {
  const { target, bare, floor, other } = samples
  return {
    sessions,
    bare: ratioOf(target, bare),
    floor: floor.length === 0 ? null : ratioOf(target, floor),
    other: other.length === 0 ? null : ratioOf(target, other),
    perSecond: median(target.map(({ perSecond }) => perSecond)),
    processorUs: median(target.map(({ processorUs }) => processorUs)),
    goals
  }
}
