import { exploreQuiet } from './quiet.ts'
import { type Move, type SearchReport, search } from './search.ts'
import { answerTo, canonical, type Jar, keep, later, type Machine, type World } from './world.ts'

export interface SoundBounds {
  readonly graceUnits: number
  /** Requests under way at the same time before the theft; see {@link exploreQuiet}. */
  readonly requestsInFlight: number
  readonly roundTripUnits: number
}

export interface SoundReport extends SearchReport {
  /** Moments at which the thief copies the jar. */
  readonly thefts: number
  /**
   * How many refreshes it takes at most until theft is reported, when owner and thief refresh and
   * use in turn, W apart, from any state on.
   */
  readonly refreshesUntilReport: number
}

const PARTIES = [0, 1] as const
type Party = (typeof PARTIES)[number]
const PARTY_NAMES = ['the owner', 'the thief'] as const

interface Stolen {
  readonly world: World
  /** For how long each has been silent; longer than W is W. */
  readonly silentUnits: readonly [number, number]
  /** To whom a refresh token was handed out first since the theft. */
  readonly receivers: ReadonlyMap<string, Party>
  /** Whose next refresh has to be reported: the other one confirmed a token of its own. */
  readonly suspects: readonly [boolean, boolean]
}

/**
 * Looks for a history in which a thief and the owner both go on, and a report is missing.
 *
 * The thief has copied the jar in any world that the owner alone can reach. From there on each of
 * them uses or refreshes at any time, with its own jar, replies lost or not, but never within W of
 * the other. Violations: both are handed the same refresh token; or one confirms a refresh token
 * that it got after the theft, and the next refresh of the other is not reported.
 */
export function exploreSound(machine: Machine, bounds: SoundBounds): SoundReport {
  const { graceUnits } = bounds
  const start: Stolen[] = []
  exploreQuiet(machine, { ...bounds, clockErrorUnits: 0 }, (world) => {
    if (world.messages.length === 0) start.push(steal(world, graceUnits))
  })
  let refreshesUntilReport = 0
  const report = search<Stolen>(
    {
      start,
      keyed: (stolen) => keyed(stolen, graceUnits),
      movesFrom: (stolen) => movesFrom(machine, stolen, graceUnits)
    },
    ({ world }) => {
      const refreshes = Math.max(
        ...PARTIES.map((party) => takeTurns(machine, world, party, graceUnits))
      )
      refreshesUntilReport = Math.max(refreshesUntilReport, refreshes)
    }
  )
  return { ...report, thefts: start.length, refreshesUntilReport }
}

function steal(world: World, graceUnits: number): Stolen {
  const jar = world.jars[0] as Jar
  return {
    world: { ...world, jars: [jar, jar] },
    silentUnits: [0, graceUnits],
    receivers: new Map(),
    suspects: [false, false]
  }
}

function* movesFrom(machine: Machine, stolen: Stolen, graceUnits: number): Generator<Move<Stolen>> {
  for (const party of PARTIES)
    if (stolen.silentUnits[1 - party] === graceUnits)
      for (const kind of ['use', 'refresh'] as const)
        yield* act(machine, stolen, { party, kind, graceUnits })
  const [owner, thief] = stolen.silentUnits
  const silentUnits = [Math.min(owner + 1, graceUnits), Math.min(thief + 1, graceUnits)] as const
  yield { label: 'time passes', to: { ...stolen, world: later(stolen.world, 1), silentUnits } }
}

function act(
  machine: Machine,
  stolen: Stolen,
  { party, kind, graceUnits }: { party: Party; kind: 'use' | 'refresh'; graceUnits: number }
): Move<Stolen>[] {
  const { world, receivers, suspects } = stolen
  const jar = world.jars[party] as Jar
  const shown = kind === 'use' ? jar.access : jar.refresh
  const label = `${PARTY_NAMES[party]} ${kind === 'use' ? 'uses the access token' : 'refreshes'}`
  const answer = answerTo(machine, world, { kind, shown }, { nowMs: 0, graceUnits })
  if (answer === null) return [{ label: `${label}: theft`, to: 'end' }]
  if (kind === 'refresh' && suspects[party])
    return [{ label: `${label}, and no theft is reported`, to: 'violation' }]
  const { given, server, derivations } = answer
  const handedOut = given?.refresh?.hash
  if (handedOut !== undefined && receivers.get(handedOut) === 1 - party)
    return [{ label: `${label}, and gets what the other one has`, to: 'violation' }]

  const hasConfirmedOwn =
    server.current !== world.server.current && receivers.get(server.current) === party
  const [owner, thief] = suspects
  const [ownerSilent, thiefSilent] = stolen.silentUnits
  const after: Stolen = {
    world: { ...world, server, derivations },
    silentUnits: party === 0 ? [0, thiefSilent] : [ownerSilent, 0],
    receivers: handedOut === undefined ? receivers : new Map(receivers).set(handedOut, party),
    suspects: [owner || (hasConfirmedOwn && party === 1), thief || (hasConfirmedOwn && party === 0)]
  }
  const jars = world.jars.map((old, index) => (index === party ? keep(jar, given) : old))
  return [
    { label: `${label}, and the reply is lost`, to: after },
    { label, to: { ...after, world: { ...after.world, jars } } }
  ]
}

/** @returns How many refreshes it takes until theft is reported. */
function takeTurns(machine: Machine, start: World, first: Party, graceUnits: number): number {
  let world = later(start, graceUnits)
  const time = { nowMs: 0, graceUnits }
  for (let refreshes = 1; refreshes <= MAX_TURNS; refreshes++) {
    const party = (first + refreshes + 1) % 2
    for (const kind of ['refresh', 'use'] as const) {
      const jar = world.jars[party] as Jar
      const shown = kind === 'use' ? jar.access : jar.refresh
      const answer = answerTo(machine, world, { kind, shown }, time)
      if (answer === null) return refreshes
      const { given, ...after } = answer
      const jars = world.jars.map((old, index) => (index === party ? keep(old, given) : old))
      world = canonical({ ...world, ...after, jars }, graceUnits).world
    }
    world = later(world, graceUnits)
  }
  return Number.POSITIVE_INFINITY
}

/** Far more than any rule needs that reports at all. */
const MAX_TURNS = 20

function keyed(stolen: Stolen, graceUnits: number): { key: string; state: Stolen } {
  const { key, world, names } = canonical(stolen.world, graceUnits)
  const receivers = new Map<string, Party>()
  for (const [hash, party] of stolen.receivers)
    if (names.find(hash) !== '?') receivers.set(names.find(hash), party)
  const received = [...receivers].map(([hash, party]) => `${hash}:${party}`).sort()
  const { silentUnits, suspects } = stolen
  return {
    key: `${key} ${received} ${silentUnits} ${suspects}`,
    state: { world, silentUnits, suspects, receivers }
  }
}
