/* c8 ignore start: which failures occur depends on when processes die */
import type { BackendServer, DurableStore } from '../builders/durable-stores.ts'
import { seededRandom } from '../builders/random.ts'
import { Browser, Network } from './browser.ts'
import { type Fault, failNowAndThen } from './faults.ts'
import { FaultyNetwork } from './faulty-network.ts'
import { Fleet } from './fleet.ts'

/** What a storm has tried so far. */
export interface Tried {
  /** Since the clients began. */
  readonly seconds: number
  readonly sessions: number
  readonly refreshes: number
  readonly verifications: number
  readonly revocations: number
  /** The longest time after which all processes refused a revoked session, milliseconds. */
  readonly slowestRevocation: number
  readonly unavailable: number
  readonly brokenConnections: number
  readonly kills: number
  readonly pauses: number
  readonly cuts: number
  readonly delays: number
  readonly crashes: number
}

export interface StormSettings {
  readonly seed: number
  readonly processes: number
  readonly sessions: number
  readonly faults: readonly Fault[]
  /** A process is killed this often, on average. Other faults are rarer. */
  readonly killIntervalMs: number
  /**
   * The option `refreshGracePeriod`. No theft is reported as long as a round trip takes a quarter of
   * it at most, so that a slow machine needs a longer one.
   */
  readonly graceSeconds: number
  /** Ends the storm. A test counts what was tried: a slow machine needs longer for as much. */
  readonly isEnough: (tried: Tried) => boolean
}

export interface StormReport {
  /** What must be 0 at the end. */
  readonly failures: {
    readonly lostSessions: number
    readonly falseTheftAlarms: number
    readonly doubleSuccessors: number
    /** Tokens that a process took although it had asked the store since their session was revoked. */
    readonly lateRevocations: number
    readonly unhandledRejections: number
    readonly otherReplies: number
  }
  readonly tried: Tried
}

/** How far the clocks of the two clusters are off, with the fault `skew`. */
const SKEWS_MS = [-120_000, 180_000]
const CUT_ONE_OF = 800
const DELAY_ONE_OF = 300
const MAX_DELAY_MS = 1500

/**
 * Runs clients that refresh as fast as two clusters of processes answer. Meanwhile processes fail,
 * and so do the store and the connections to it, where it has a server. At the end each session
 * whose login was acknowledged has to be alive.
 */
export async function storm(durable: DurableStore, settings: StormSettings): Promise<StormReport> {
  const { seed, killIntervalMs } = settings
  const faults = new Set(settings.faults)
  const backend = await durable.start()
  const { server } = backend
  const way = server && (await openWay(server, faults, seededRandom(seed + 3)))
  const fleet = new Fleet({
    store: durable.name,
    address: server && way ? server.addressAt(way.socket) : backend.address,
    graceSeconds: settings.graceSeconds,
    size: Math.ceil(settings.processes / 2),
    // Processes that share a file run on one machine and have one clock.
    skewsMs: faults.has('skew') && server ? SKEWS_MS : [0, 0]
  })
  const seen = {
    falseTheftAlarms: 0,
    doubleSuccessors: 0,
    otherReplies: 0,
    lateRevocations: 0,
    revocations: 0,
    slowestRevocation: 0,
    refreshes: 0,
    verifications: 0,
    unavailable: 0,
    brokenConnections: 0
  }
  let crashes = 0
  try {
    await fleet.start()
    const network = new Network(fleet, seededRandom(seed + 1))
    const browsers = Array.from({ length: settings.sessions }, (_, index) => {
      const random = seededRandom(seed + 4 + index)
      return new Browser(network, seen, { userId: `user-${index}`, random })
    })
    const startedAt = performance.now()
    const tried = (): Tried => {
      const { refreshes, verifications, unavailable, brokenConnections } = seen
      const { revocations, slowestRevocation } = seen
      return {
        seconds: (performance.now() - startedAt) / 1000,
        sessions: browsers.filter(({ hasBegun }) => hasBegun).length,
        refreshes,
        verifications,
        revocations,
        slowestRevocation,
        unavailable,
        brokenConnections,
        kills: fleet.kills,
        pauses: fleet.pauses,
        cuts: way?.cuts ?? 0,
        delays: way?.delays ?? 0,
        crashes
      }
    }
    const isOver = () => settings.isEnough(tried())
    const random = seededRandom(seed)
    await Promise.all([
      failNowAndThen(fleet, server, {
        faults,
        random,
        isOver,
        killIntervalMs,
        onCrash: () => crashes++,
        refreshes: () => seen.refreshes
      }),
      ...browsers.map((browser) => browser.run(isOver))
    ])
    const loggedIn = browsers.filter((browser) => browser.isLoggedIn)
    const alive = await Promise.all(loggedIn.map((browser) => browser.isAlive()))
    network.close()
    const { falseTheftAlarms, doubleSuccessors, lateRevocations, otherReplies } = seen
    return {
      failures: {
        lostSessions: alive.filter((isAlive) => !isAlive).length,
        falseTheftAlarms,
        doubleSuccessors,
        lateRevocations,
        unhandledRejections: fleet.unexpected.length,
        otherReplies
      },
      tried: tried()
    }
  } finally {
    await fleet.stop()
    await way?.close()
    await backend.stop()
  }
}

function openWay(
  { socket }: BackendServer,
  faults: ReadonlySet<Fault>,
  random: () => number
): Promise<FaultyNetwork> {
  return FaultyNetwork.open(socket, {
    random,
    faults: {
      cutOneOf: faults.has('cuts') ? CUT_ONE_OF : Number.POSITIVE_INFINITY,
      delayOneOf: faults.has('delays') ? DELAY_ONE_OF : Number.POSITIVE_INFINITY,
      maxDelayMs: MAX_DELAY_MS
    }
  })
}
/* c8 ignore stop */
