import { startRotation } from '../../lib/session/rotation.ts'
import { type Move, type SearchReport, search } from './search.ts'
import {
  answerTo,
  canonical,
  type Given,
  type Jar,
  keep,
  later,
  type Machine,
  type Message,
  roleOf,
  startingWorld,
  type World
} from './world.ts'

/** How far an exploration goes. Times are in units, of which `graceUnits` make W. */
export interface QuietBounds {
  /** Requests that are under way at the same time: of tabs without a lock, retries, duplicates. */
  readonly requestsInFlight: number
  readonly graceUnits: number
  /** From sending a request to the arrival of its reply, at most; it may also never arrive. */
  readonly roundTripUnits: number
  /** How far the clock of the process that answers may be ahead of another's. */
  readonly clockErrorUnits: number
}

/**
 * Looks for a history in which theft is reported and nobody stole, or the owner is locked out.
 *
 * One browser, one jar, tabs without a lock. At any time a tab may use the access token or refresh,
 * with the jar's content of that moment. A request may be lost, or its reply; it may be answered
 * several times, as when a proxy retries; replies may overtake one another. Time passes at any time
 * as long as no request is older than a round trip.
 *
 * Histories may be of any length: worlds that differ only in the names of tokens and in marks older
 * than W are one, and so their number is finite.
 *
 * @param visit - Called for each world.
 */
export function exploreQuiet(
  machine: Machine,
  bounds: QuietBounds,
  visit?: (world: World) => void
): SearchReport {
  return search<World>(
    {
      start: [startingWorld(startRotation)],
      keyed: (world) => {
        const { key, world: state } = canonical(world, bounds.graceUnits)
        return { key, state }
      },
      movesFrom: (world) => movesFrom(machine, world, bounds)
    },
    visit
  )
}

function* movesFrom(machine: Machine, world: World, bounds: QuietBounds): Generator<Move<World>> {
  const { messages } = world
  const jar = world.jars[0] as Jar
  const lockOut = whyLockedOut(machine, world, jar, bounds)
  if (lockOut !== null) yield { label: lockOut, to: 'violation' }
  if (messages.length < bounds.requestsInFlight) {
    yield send(world, { kind: 'refresh', shown: jar.refresh, given: null, age: 0 })
    // A confirmed access token is taken without a look at the store: nothing would happen.
    if (jar.access.parentHash !== null)
      yield send(world, { kind: 'use', shown: jar.access, given: null, age: 0 })
  }
  for (const message of messages) {
    const others = messages.filter((other) => other !== message)
    yield { label: `lost: ${nameOf(message, world)}`, to: { ...world, messages: others } }
    if (message.given !== null) yield deliver(world, jar, message.given, others)
    else
      for (let nowMs = 0; nowMs <= bounds.clockErrorUnits; nowMs++)
        yield* serve(machine, world, message, others, { nowMs, graceUnits: bounds.graceUnits })
  }
  if (messages.every(({ age }) => age < bounds.roundTripUnits))
    yield { label: 'time passes', to: later(world, 1) }
}

function send(world: World, message: Message): Move<World> {
  const to = { ...world, messages: [...world.messages, message] }
  return { label: `sent: ${nameOf(message, world)}`, to }
}

function deliver(world: World, jar: Jar, given: Given, messages: readonly Message[]): Move<World> {
  const token = given.refresh === null ? 'an access token' : roleOf(given.refresh, world)
  return { label: `a reply brings ${token}`, to: { ...world, jars: [keep(jar, given)], messages } }
}

function serve(
  machine: Machine,
  world: World,
  message: Message,
  others: readonly Message[],
  time: { readonly nowMs: number; readonly graceUnits: number }
): Move<World>[] {
  const clock = time.nowMs === 0 ? '' : `, by a clock ${time.nowMs} ahead`
  const label = `served: ${nameOf(message, world)}${clock}`
  const answer = answerTo(machine, world, message, time)
  if (answer === null) return [{ label: `${label}: theft`, to: 'violation' }]
  const { given, ...after } = answer
  const messages = given === null ? others : [...others, { ...message, given }]
  const again = { ...world, ...after, messages: [...others, message] }
  return [
    { label, to: { ...world, ...after, messages } },
    { label: `${label}, and sent again by a proxy`, to: again }
  ]
}

/** With everything lost that is under way, one refresh and one use have to work. */
function whyLockedOut(
  machine: Machine,
  world: World,
  { refresh }: Jar,
  { graceUnits }: QuietBounds
): string | null {
  const time = { nowMs: 0, graceUnits }
  const refreshed = answerTo(machine, world, { kind: 'refresh', shown: refresh }, time)
  if (refreshed === null) return `refresh with ${roleOf(refresh, world)}: theft`
  const { access } = refreshed.given as Given
  const used = answerTo(machine, refreshed, { kind: 'use', shown: access }, time)
  return used?.given === null ? 'a fresh access token is refused' : null
}

function nameOf({ kind, shown }: Message, world: World): string {
  const role = roleOf(shown, world)
  return kind === 'use' ? `use of the access token of ${role}` : `refresh with ${role}`
}
