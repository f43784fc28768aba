/* c8 ignore start: which failures a storm meets depends on when its processes die */
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { DurableStore } from '../builders/durable-stores.ts'
import { Fleet } from './fleet.ts'
import { seededRandom } from './random.ts'

export interface StormSettings {
  readonly seed: number
  readonly processes: number
  readonly sessions: number
  readonly seconds: number
  /** A process is killed this often, on average. */
  readonly killIntervalMs: number
}

/** What must be 0 at the end, and, below, how much was tried. */
export interface StormReport {
  readonly lostSessions: number
  readonly falseTheftAlarms: number
  readonly doubleSuccessors: number
  readonly unhandledRejections: number
  readonly otherReplies: number
  readonly sessions: number
  readonly refreshes: number
  readonly verifications: number
  readonly unavailable: number
  readonly brokenConnections: number
  readonly kills: number
}

/** The share of refreshes that two, or three, tabs send at the same time. */
const TOGETHER = 0.25

/**
 * Clients that refresh as fast as they are answered, by processes that are killed all the while.
 * At the end each session that a login had acknowledged has to be alive.
 */
export async function storm(durable: DurableStore, settings: StormSettings): Promise<StormReport> {
  const { seed } = settings
  const backend = await durable.start()
  const fleet = new Fleet(durable, backend)
  const counters = {
    falseTheftAlarms: 0,
    doubleSuccessors: 0,
    otherReplies: 0,
    refreshes: 0,
    verifications: 0,
    unavailable: 0,
    brokenConnections: 0
  }
  try {
    await fleet.start(settings.processes)
    const network = new Network(fleet, seededRandom(seed + 1))
    const browsers = Array.from(
      { length: settings.sessions },
      (_, index) =>
        new Browser(network, counters, {
          userId: `user-${index}`,
          random: seededRandom(seed + 2 + index)
        })
    )
    const endsAt = performance.now() + settings.seconds * 1000
    const isOver = () => performance.now() >= endsAt
    await Promise.all([
      killNowAndThen(fleet, {
        random: seededRandom(seed),
        isOver,
        intervalMs: settings.killIntervalMs
      }),
      ...browsers.map((browser) => browser.run(isOver))
    ])
    const loggedIn = browsers.filter((browser) => browser.isLoggedIn)
    const alive = await Promise.all(loggedIn.map((browser) => browser.isAlive()))
    network.close()
    return {
      lostSessions: alive.filter((isAlive) => !isAlive).length,
      falseTheftAlarms: counters.falseTheftAlarms,
      doubleSuccessors: counters.doubleSuccessors,
      unhandledRejections: fleet.unexpected.length,
      otherReplies: counters.otherReplies,
      sessions: loggedIn.length,
      refreshes: counters.refreshes,
      verifications: counters.verifications,
      unavailable: counters.unavailable,
      brokenConnections: counters.brokenConnections,
      kills: fleet.kills
    }
  } finally {
    await fleet.stop()
    await backend.stop()
  }
}

interface KillSettings {
  readonly random: () => number
  readonly isOver: () => boolean
  readonly intervalMs: number
}

async function killNowAndThen(
  fleet: Fleet,
  { random, isOver, intervalMs }: KillSettings
): Promise<void> {
  const starting: Promise<void>[] = []
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve, 2 * random() * intervalMs))
    starting.push(fleet.killOne(random()))
  }
  await Promise.all(starting)
}

type Counters = Record<Exclude<keyof StormReport, keyof Outcome>, number>
type Outcome = Pick<StormReport, 'lostSessions' | 'unhandledRejections' | 'sessions' | 'kills'>

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What is between browsers and processes: each request goes to any of these. */
class Network {
  readonly #fleet: Fleet
  readonly #random: () => number
  readonly #agent = new Agent({ keepAlive: true })

  constructor(fleet: Fleet, random: () => number) {
    this.#fleet = fleet
    this.#random = random
  }

  /** `null` where the connection broke: nobody knows whether the request was carried out. */
  async send(
    method: 'GET' | 'POST',
    path: string,
    { bearer, json }: { bearer?: string; json?: object }
  ): Promise<Reply | null> {
    const port = this.#fleet.port(this.#random())
    if (port === undefined) return new Promise((resolve) => setTimeout(resolve, 10, null))
    const headers = {
      'st-auth-mode': 'header',
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(json !== undefined && { 'content-type': 'application/json' })
    }
    return new Promise((resolve) => {
      const options = { host: '127.0.0.1', port, method, path, headers, agent: this.#agent }
      request(options, async (response) => {
        const { statusCode = 0, headers } = response
        const body = await text(response).catch(() => null)
        resolve(body === null ? null : { status: statusCode, headers, body })
      })
        .on('error', () => resolve(null))
        .end(json && JSON.stringify(json))
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

interface BrowserSettings {
  readonly userId: string
  readonly random: () => number
}

/**
 * One session, with the rules of the browser SDK: one refresh at a time, though other tabs may
 * send theirs in the same moment; tokens are kept until others arrive.
 */
class Browser {
  isLoggedIn = false
  readonly #network: Network
  readonly #counters: Counters
  readonly #settings: BrowserSettings
  readonly #children = new Map<string, string>()
  #accessToken = ''
  #refreshToken = ''
  #isDead = false

  constructor(network: Network, counters: Counters, settings: BrowserSettings) {
    this.#network = network
    this.#counters = counters
    this.#settings = settings
  }

  async run(isOver: () => boolean): Promise<void> {
    while (!this.isLoggedIn && !isOver()) await this.#login()
    while (this.isLoggedIn && !this.#isDead && !isOver()) {
      await this.#verify()
      await this.#refresh()
    }
  }

  /** Whether the session can still be refreshed, and used after that: no refresh was a 401. */
  async isAlive(): Promise<boolean> {
    let isRefreshed = false
    while (!isRefreshed && !this.#isDead) isRefreshed = await this.#refresh()
    return isRefreshed && (await this.#verify()) === 200
  }

  async #login(): Promise<void> {
    const json = { userId: this.#settings.userId }
    const reply = await this.#network.send('POST', '/login', { json })
    this.isLoggedIn = this.#judge(reply) === 200
    this.#keep(reply)
  }

  async #verify(): Promise<number | undefined> {
    const reply = await this.#network.send('GET', '/me', { bearer: this.#accessToken })
    this.#counters.verifications++
    const status = this.#judge(reply)
    if (status === 200) this.#keep(reply)
    return status
  }

  /** @returns Whether there was an answer. */
  async #refresh(): Promise<boolean> {
    const presented = this.#refreshToken
    const tabs = this.#settings.random() < TOGETHER ? 2 + Math.round(this.#settings.random()) : 1
    const replies = await Promise.all(
      Array.from({ length: tabs }, () =>
        this.#network.send('POST', '/auth/session/refresh', { bearer: presented })
      )
    )
    const statuses = replies.map((reply) => this.#afterRefresh(presented, reply))
    return statuses.includes(200)
  }

  #afterRefresh(presented: string, reply: Reply | null): number | undefined {
    const status = this.#judge(reply)
    if (status === 200) {
      this.#counters.refreshes++
      this.#keep(reply)
      this.#noteSuccessor(presented, reply?.headers['st-refresh-token'])
    }
    if (status === 401) {
      this.#isDead = true
      if (reply?.body.includes('theft')) this.#counters.falseTheftAlarms++
    }
    return status
  }

  /** A refresh soon after a confirmation keeps the token: its reply brings no successor. */
  #noteSuccessor(presented: string, successor: unknown): void {
    if (successor === undefined) return
    const earlier = this.#children.get(presented) ?? String(successor)
    if (earlier !== successor) this.#counters.doubleSuccessors++
    this.#children.set(presented, earlier)
  }

  #judge(reply: Reply | null): number | undefined {
    if (reply === null) this.#counters.brokenConnections++
    else if (reply.status === 503) this.#counters.unavailable++
    else if (reply.status !== 200 && reply.status !== 401) this.#counters.otherReplies++
    return reply?.status
  }

  #keep(reply: Reply | null): void {
    this.#accessToken = String(reply?.headers['st-access-token'] ?? this.#accessToken)
    this.#refreshToken = String(reply?.headers['st-refresh-token'] ?? this.#refreshToken)
  }
}
/* c8 ignore stop */
