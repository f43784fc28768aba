import type { PresentedToken } from '../../lib/session/rotation.ts'
import { type Random, randomOf } from './random.ts'
import type { Given, Rule, RuledSession } from './rules.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const ACCESS_TOKEN_VALIDITY = HOUR
/** How often the user comes back, each time after the access token has expired. */
const RETURNS = 8
/** A tab that hears nothing for this long takes its request for lost. */
const TIMEOUT = 10 * SECOND
/** How often a tab tries again before it gives up for good. */
const TRIES = 4

/** How the clients of a simulation behave, and what the network and the clock do to them. */
export interface Scenario {
  readonly name: string
  readonly tabs: readonly [least: number, most: number]
  /** Whether tabs refresh one at a time and see what another one brought, as the SDK does. */
  readonly hasLock: boolean
  readonly network: keyof typeof NETWORKS
  /** The server's clock jumps by up to this, forward or back, while the tabs wake up. */
  readonly clockStepMs: number
  readonly thief: 'none' | 'goes on' | 'refreshes once'
}

/** Delays of one way are log-normal around `delayMs`. `givesUp`: instead of trying again. */
const NETWORKS = {
  good: {
    delayMs: 40,
    spread: 0.6,
    lostRequests: 0.001,
    lostReplies: 0.001,
    givesUp: 0,
    stalls: 0
  },
  lossy: {
    delayMs: 250,
    spread: 0.9,
    lostRequests: 0.05,
    lostReplies: 0.25,
    givesUp: 0.5,
    stalls: 0
  },
  stalling: {
    delayMs: 250,
    spread: 0.9,
    lostRequests: 0.05,
    lostReplies: 0.25,
    givesUp: 0.5,
    stalls: 0.02
  }
} as const

export interface SessionReport {
  /** When theft was reported, milliseconds since the login; `null`: never. */
  readonly reportedAt: number | null
  /** When the thief first got tokens for the stolen one, or tried to; `null`: not at all. */
  readonly stolenAt: number | null
  /** Whether the owner refreshed after that. */
  readonly ownerWentOn: boolean
}

interface HeldAccess extends PresentedToken {
  readonly expiresAt: number
}

interface Jar {
  refresh: PresentedToken
  access: HeldAccess
}

/** One session from login to its last use, under one rule. The same seeds make the same world. */
export function simulate(
  rule: Rule,
  scenario: Scenario,
  seed: number,
  index: number
): SessionReport {
  return new Simulation(rule, scenario, seed, index).run()
}

class Simulation {
  readonly #scenario: Scenario
  readonly #agenda = new Agenda()
  readonly #server: RuledSession
  readonly #jar: Jar
  readonly #randoms: readonly Random[]
  readonly #schedule: Random
  #clockMs = 0
  #reportedAt: number | null = null
  #stolenAt: number | null = null
  #ownerWentOn = false
  #isLocked = false
  #waiting: (() => void)[] = []

  constructor(rule: Rule, scenario: Scenario, seed: number, index: number) {
    this.#scenario = scenario
    const first = { hash: 'first', parentHash: null }
    this.#server = rule.open(first)
    this.#jar = { refresh: first, access: { ...first, expiresAt: ACCESS_TOKEN_VALIDITY } }
    this.#schedule = randomOf(seed, index)
    const tabs = this.#schedule.integer(...scenario.tabs)
    // One generator for each tab: what the rules answer shifts nobody else's luck.
    this.#randoms = Array.from({ length: tabs }, (_, tab) => randomOf(seed, index, tab + 1))
  }

  run(): SessionReport {
    const random = this.#schedule
    const theftAfter = random.integer(1, RETURNS - 4)
    let atMs = 0
    for (let visit = 1; visit <= RETURNS; visit++) {
      atMs += random.between(1.1, 5) * HOUR
      this.#wakeUp(atMs)
      if (this.#scenario.thief !== 'none' && visit === theftAfter)
        this.#agenda.at(atMs + random.between(0, 40 * MINUTE), (nowMs) =>
          this.#steal(nowMs, random)
        )
    }
    this.#agenda.runWhile(() => this.#reportedAt === null)
    return {
      reportedAt: this.#reportedAt,
      stolenAt: this.#stolenAt,
      ownerWentOn: this.#ownerWentOn
    }
  }

  /** The user is back: every tab asks for something, and for something else a little later. */
  #wakeUp(atMs: number): void {
    for (const random of this.#randoms) {
      this.#agenda.at(atMs + random.between(0, SECOND), () => this.#request(random, TRIES))
      this.#agenda.at(atMs + random.between(2 * SECOND, MINUTE), () => this.#request(random, TRIES))
    }
    const { clockStepMs } = this.#scenario
    if (clockStepMs === 0) return
    const stepMs = this.#schedule.between(-clockStepMs, clockStepMs)
    this.#agenda.at(atMs + this.#schedule.between(0, 2 * SECOND), () => {
      this.#clockMs += stepMs
    })
  }

  #request(random: Random, tries: number): void {
    const shown = this.#jar.access
    this.#send(random, {
      serve: () => this.#use(shown),
      arrive: (answer) => {
        if (answer === '401') this.#refresh(random, shown, tries)
      },
      fail: () => this.#tryAgain(random, tries)
    })
  }

  #refresh(random: Random, refused: HeldAccess, tries: number): void {
    if (this.#scenario.hasLock && this.#isLocked) {
      this.#waiting.push(() => this.#refresh(random, refused, tries))
      return
    }
    // Another tab has refreshed while this one waited.
    if (this.#scenario.hasLock && this.#jar.access !== refused) {
      this.#tryAgain(random, tries)
      return
    }
    this.#isLocked = true
    const shown = this.#jar.refresh
    this.#send(random, {
      serve: () => this.#exchange(shown),
      arrive: () => {
        this.#unlock()
        this.#tryAgain(random, tries)
      },
      fail: () => {
        this.#unlock()
        this.#tryAgain(random, tries)
      }
    })
  }

  #unlock(): void {
    this.#isLocked = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const goOn of waiting) goOn()
  }

  #tryAgain(random: Random, tries: number): void {
    if (tries <= 1 || random.chance(NETWORKS[this.#scenario.network].givesUp)) return
    this.#request(random, tries - 1)
  }

  /** A request and its reply, each of which may be lost or late. A late reply still fills the jar. */
  #send(
    random: Random,
    request: {
      serve: (nowMs: number) => Kept | '401' | null
      arrive: (answer: Kept | '401' | null) => void
      fail: () => void
    }
  ): void {
    const network = NETWORKS[this.#scenario.network]
    const sentAt = this.#agenda.nowMs
    const delay = () =>
      random.chance(network.stalls)
        ? random.between(5, 90) * SECOND
        : random.skewed(network.delayMs, network.spread)
    const servedAt = sentAt + delay()
    const arrivesAt = servedAt + delay()
    const isRequestLost = random.chance(network.lostRequests)
    const isReplyLost = random.chance(network.lostReplies)
    const isHeard = !isRequestLost && !isReplyLost && arrivesAt <= sentAt + TIMEOUT
    if (!isHeard) this.#agenda.at(sentAt + TIMEOUT, request.fail)
    if (isRequestLost) return
    this.#agenda.at(servedAt, (nowMs) => {
      const answer = request.serve(nowMs)
      if (isReplyLost) return
      this.#agenda.at(arrivesAt, () => {
        if (answer !== null && answer !== '401') keep(this.#jar, answer)
        if (isHeard) request.arrive(answer)
      })
    })
  }

  #use(shown: HeldAccess): Kept | '401' | null {
    const nowMs = this.#serverTime()
    if (shown.expiresAt <= nowMs) return '401'
    if (shown.parentHash === null) return null
    const answer = this.#server.use(shown, nowMs)
    return answer === null || answer === '401' ? answer : held(answer, nowMs)
  }

  #exchange(shown: PresentedToken, isThief = false): Kept | null {
    if (this.#stolenAt !== null && !isThief) this.#ownerWentOn = true
    const nowMs = this.#serverTime()
    const answer = this.#server.refresh(shown, nowMs)
    if (answer !== 'theft') return held(answer, nowMs)
    this.#reportedAt ??= this.#agenda.nowMs
    return null
  }

  /** Copies the jar, and lives on it as a client of its own with a perfect network. */
  #steal(nowMs: number, random: Random): void {
    const jar: Jar = { ...this.#jar }
    const goesOn = this.#scenario.thief === 'goes on'
    const act = (): void => {
      this.#stolenAt ??= this.#agenda.nowMs
      const answer = this.#exchange(jar.refresh, true)
      if (answer === null) return
      keep(jar, answer)
      const confirmed = this.#use(jar.access)
      if (confirmed !== null && confirmed !== '401') keep(jar, confirmed)
      if (goesOn) this.#agenda.at(this.#agenda.nowMs + random.between(0.9, 1.5) * HOUR, act)
    }
    this.#agenda.at(nowMs + random.between(0, 6) * HOUR, act)
  }

  #serverTime(): number {
    return this.#agenda.nowMs + this.#clockMs
  }
}

interface Kept {
  readonly refresh: PresentedToken | null
  readonly access: HeldAccess
}

function held({ refresh, access }: Given, nowMs: number): Kept {
  return { refresh, access: { ...access, expiresAt: nowMs + ACCESS_TOKEN_VALIDITY } }
}

function keep(jar: Jar, { refresh, access }: Kept): void {
  jar.access = access
  if (refresh !== null) jar.refresh = refresh
}

/** What happens when: a binary heap, and of two events at one time the older first. */
class Agenda {
  nowMs = 0
  readonly #events: { atMs: number; order: number; run: (nowMs: number) => void }[] = []
  #order = 0

  at(atMs: number, run: (nowMs: number) => void): void {
    const events = this.#events
    const event = { atMs, order: this.#order++, run }
    let hole = events.length
    events.push(event)
    while (hole > 0) {
      const above = (hole - 1) >> 1
      const parent = events[above] as typeof event
      if (!isBefore(event, parent)) break
      events[hole] = parent
      hole = above
    }
    events[hole] = event
  }

  runWhile(goesOn: () => boolean): void {
    while (goesOn()) {
      const event = this.#take()
      if (event === undefined) return
      this.nowMs = event.atMs
      event.run(event.atMs)
    }
  }

  #take() {
    const events = this.#events
    const first = events[0]
    const last = events.pop()
    if (first === undefined || last === undefined || events.length === 0) return first
    let hole = 0
    for (;;) {
      let below = 2 * hole + 1
      if (below >= events.length) break
      const right = events[below + 1]
      if (right !== undefined && isBefore(right, events[below] as typeof last)) below++
      const child = events[below] as typeof last
      if (!isBefore(child, last)) break
      events[hole] = child
      hole = below
    }
    events[hole] = last
    return first
  }
}

function isBefore(
  one: { atMs: number; order: number },
  other: { atMs: number; order: number }
): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}
