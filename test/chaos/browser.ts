/* c8 ignore start: which replies arrive depends on when processes die */
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import { machineTime, READ_AT } from './machine-time.ts'

/** What the browsers counted. */
export interface Counters {
  falseTheftAlarms: number
  doubleSuccessors: number
  otherReplies: number
  lateRevocations: number
  revocations: number
  /** The longest time after which a revocation was known to all processes, milliseconds. */
  slowestRevocation: number
  refreshes: number
  verifications: number
  unavailable: number
  brokenConnections: number
}

/** The share of refreshes that two, or three, tabs send at the same time. */
const TOGETHER = 0.25

/** The share of rounds after which a session is revoked, and its user logs in again. */
const REVOKED = 0.02

/** By then everything that failed has run again for a while. */
const MAX_LATE_MS = 60_000

/** How long a client waits before it tries again. */
const RETRY_AFTER_MS = 50

interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Sends each request of a browser to one of the processes. */
export class Network {
  readonly #fleet: Fleet
  readonly #random: () => number
  readonly #agent = new Agent({ keepAlive: true })

  constructor(fleet: Fleet, random: () => number) {
    this.#fleet = fleet
    this.#random = random
  }

  /** Returns `null` where the connection broke: the request may have been carried out or not. */
  async send(
    method: 'GET' | 'POST',
    path: string,
    { bearer, json, to }: { bearer?: string; json?: object; to?: number }
  ): Promise<Reply | null> {
    const port = to ?? this.#fleet.port(this.#random())
    if (port === undefined) return null
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

  /** The ports of all processes. */
  get ports(): readonly number[] {
    return this.#fleet.ports
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
 * One session, by the rules of the browser SDK: one refresh at a time, but other tabs may send theirs
 * at the same moment. Tokens are kept until new ones arrive.
 */
export class Browser {
  isLoggedIn = false
  /** Whether it has ever logged in. */
  hasBegun = false
  readonly #network: Network
  readonly #counters: Counters
  readonly #settings: BrowserSettings
  readonly #children = new Map<string, string>()
  #handle = ''
  #accessToken = ''
  #refreshToken = ''
  #isDead = false

  constructor(network: Network, counters: Counters, settings: BrowserSettings) {
    this.#network = network
    this.#counters = counters
    this.#settings = settings
  }

  async run(isOver: () => boolean): Promise<void> {
    while (!this.isLoggedIn && !isOver()) if (!(await this.#login())) await pause(RETRY_AFTER_MS)
    while (this.isLoggedIn && !this.#isDead && !isOver()) {
      await this.#verify()
      if (!(await this.#refresh())) await pause(RETRY_AFTER_MS)
      else if (this.#settings.random() < REVOKED) {
        await this.#revoke()
        while (!this.isLoggedIn && !isOver())
          if (!(await this.#login())) await pause(RETRY_AFTER_MS)
      }
    }
  }

  /** Whether the session can still be refreshed and used, and no refresh was answered 401. */
  async isAlive(): Promise<boolean> {
    while (!(await this.#refresh())) {
      if (this.#isDead) return false
      await pause(RETRY_AFTER_MS)
    }
    let status = await this.#verify()
    for (; status !== 200 && status !== 401; status = await this.#verify())
      await pause(RETRY_AFTER_MS)
    return status === 200
  }

  async #login(): Promise<boolean> {
    const json = { userId: this.#settings.userId }
    const reply = await this.#network.send('POST', '/login', { json })
    this.isLoggedIn = this.#judge(reply) === 200
    if (this.isLoggedIn) this.#handle = JSON.parse(String(reply?.body)).handle
    this.hasBegun ||= this.isLoggedIn
    this.#keep(reply)
    return this.isLoggedIn
  }

  /** Revokes the session, and waits until all processes refuse its access token. */
  async #revoke(): Promise<void> {
    const { userId, random } = this.#settings
    // The first use of a new token looks at the store, whatever is known of revocations.
    if ((await this.#verify()) !== 200) return
    const [handle, token] = [this.#handle, this.#accessToken]
    const [path, json] = random() < 0.5 ? ['/revoke', { handle }] : ['/revoke-all', { userId }]
    while (this.#judge(await this.#network.send('POST', path, { json })) !== 200)
      await pause(RETRY_AFTER_MS)
    const revokedAt = machineTime()
    this.#counters.revocations++
    this.isLoggedIn = false
    while (await this.#isAccepted(token, revokedAt)) {
      if (machineTime() - revokedAt > MAX_LATE_MS) {
        this.#counters.lateRevocations++
        break
      }
      await pause(RETRY_AFTER_MS)
    }
    const { slowestRevocation } = this.#counters
    this.#counters.slowestRevocation = Math.max(slowestRevocation, machineTime() - revokedAt)
  }

  /** Whether a process still takes the token. It is late if it has read the revocations since. */
  async #isAccepted(bearer: string, revokedAt: number): Promise<boolean> {
    const replies = await Promise.all(
      this.#network.ports.map((to) => this.#network.send('GET', '/me', { bearer, to }))
    )
    for (const reply of replies)
      if (this.#judge(reply) === 200 && Number(reply?.headers[READ_AT]) > revokedAt)
        this.#counters.lateRevocations++
    return replies.some((reply) => reply?.status === 200)
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

  /** A refresh soon after a confirmation keeps the token: its reply has no successor. */
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
