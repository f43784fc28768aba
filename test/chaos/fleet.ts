/* c8 ignore start: which failures a storm meets depends on when its processes die */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { NO_STORE } from './exit-codes.ts'

const workerFile = fileURLToPath(new URL('./worker.js', import.meta.url))

interface Worker {
  readonly process: ChildProcess
  readonly port: number
  /** How far its clock is off, milliseconds. */
  readonly skewMs: number
}

export interface FleetSettings {
  /** Name of the store, and the address at which its processes reach it. */
  readonly store: string
  readonly address: string
  /** The option `refreshGracePeriod`. */
  readonly graceSeconds: number
  /** Processes in each cluster, and how far the clock of each cluster is off. */
  readonly size: number
  readonly skewsMs: readonly number[]
}

/** The processes of one app on one store. A killed process is replaced. */
export class Fleet {
  readonly unexpected: string[] = []
  kills = 0
  pauses = 0
  readonly #settings: FleetSettings
  readonly #starting = new Set<ChildProcess>()
  #workers: Worker[] = []
  #stopped = false

  constructor(settings: FleetSettings) {
    this.#settings = settings
  }

  async start(): Promise<void> {
    const { size, skewsMs } = this.#settings
    await Promise.all(
      skewsMs.flatMap((skewMs) => Array.from({ length: size }, () => this.#add(skewMs)))
    )
  }

  /** The port of one process, as a load balancer chooses; `undefined` while none runs. */
  port(random: number): number | undefined {
    return this.#choose(random)?.port
  }

  /** The ports of all processes that run. */
  get ports(): readonly number[] {
    return this.#workers.map(({ port }) => port)
  }

  /**
   * Kills one process in the middle of its work, and starts another. Does nothing while half of the
   * processes are down: a slow machine starts them more slowly than they would be killed.
   */
  async killOne(random: number): Promise<void> {
    const { size, skewsMs } = this.#settings
    const killed = this.#choose(random)
    if (killed === undefined || this.#workers.length <= (size * skewsMs.length) / 2) return
    this.#workers = this.#workers.filter((worker) => worker !== killed)
    this.kills++
    killed.process.kill('SIGKILL')
    await this.#add(killed.skewMs)
  }

  /** Stops one process in the middle of its work, for a while. */
  async pauseOne(random: number, pauseMs: number): Promise<void> {
    const paused = this.#choose(random)
    if (paused === undefined) return
    this.pauses++
    paused.process.kill('SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    paused.process.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const processes = [...this.#workers.map((worker) => worker.process), ...this.#starting]
    await Promise.all(
      processes.map(async (child) => {
        const exited = once(child, 'exit')
        if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL'))
          await exited
      })
    )
  }

  #choose(random: number): Worker | undefined {
    return this.#workers[Math.floor(random * this.#workers.length)]
  }

  async #add(skewMs: number): Promise<void> {
    while (!this.#stopped) {
      const worker = await this.#startOne(skewMs)
      if (worker === undefined) continue
      this.#workers.push(worker)
      return
    }
  }

  /** Returns `undefined` if it ended before it listened. */
  async #startOne(skewMs: number): Promise<Worker | undefined> {
    const { store, address, graceSeconds } = this.#settings
    const wrongClock = `data:text/javascript,const now = Date.now; Date.now = () => now() + ${skewMs}`
    const child = fork(workerFile, [store, address, String(graceSeconds)], {
      execArgv: ['--import', wrongClock]
    })
    this.#starting.add(child)
    const started = new Promise<number | undefined>((resolve) => {
      child.on('message', ({ port, unhandled }: { port?: number; unhandled?: string }) => {
        if (unhandled !== undefined) this.unexpected.push(unhandled)
        else resolve(port)
      })
      child.on('exit', (code, signal) => {
        // A process that finds no store when it starts ends, and is started again.
        if (signal !== 'SIGKILL' && code !== NO_STORE)
          this.unexpected.push(`a process ended: ${code ?? signal}`)
        this.#workers = this.#workers.filter((worker) => worker.process !== child)
        resolve(undefined)
      })
    })
    const port = await started
    this.#starting.delete(child)
    return port === undefined ? undefined : { process: child, port, skewMs }
  }
}
/* c8 ignore stop */
