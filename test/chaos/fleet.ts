/* c8 ignore start: which failures a storm meets depends on when its processes die */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Backend, DurableStore } from '../builders/durable-stores.ts'

const workerFile = fileURLToPath(new URL('./worker.js', import.meta.url))

interface Worker {
  readonly process: ChildProcess
  readonly port: number
}

/** Processes of one app on one store. One that is killed is followed by another. */
export class Fleet {
  readonly unexpected: string[] = []
  kills = 0
  readonly #durable: DurableStore
  readonly #backend: Backend
  readonly #starting = new Set<ChildProcess>()
  #workers: Worker[] = []
  #stopped = false

  constructor(durable: DurableStore, backend: Backend) {
    this.#durable = durable
    this.#backend = backend
  }

  async start(size: number): Promise<void> {
    await Promise.all(Array.from({ length: size }, () => this.#add()))
  }

  /** The port of one of them, as a load balancer chooses; `undefined` while there is none. */
  port(random: number): number | undefined {
    return this.#workers[Math.floor(random * this.#workers.length)]?.port
  }

  /** Gives one of them no chance to finish what it does. */
  async killOne(random: number): Promise<void> {
    const [killed] = this.#workers.splice(Math.floor(random * this.#workers.length), 1)
    if (killed === undefined) return
    this.kills++
    killed.process.kill('SIGKILL')
    await this.#add()
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

  async #add(): Promise<void> {
    if (this.#stopped) return
    const child = fork(workerFile, [this.#durable.name, this.#backend.address])
    this.#starting.add(child)
    const started = new Promise<number | undefined>((resolve) => {
      child.on('message', ({ port, unhandled }: { port?: number; unhandled?: string }) => {
        if (unhandled !== undefined) this.unexpected.push(unhandled)
        else resolve(port)
      })
      child.on('exit', (code, signal) => {
        if (signal !== 'SIGKILL') this.unexpected.push(`a process ended: ${code ?? signal}`)
        this.#workers = this.#workers.filter((worker) => worker.process !== child)
        resolve(undefined)
      })
    })
    const port = await started
    this.#starting.delete(child)
    if (port !== undefined) this.#workers.push({ process: child, port })
  }
}
/* c8 ignore stop */
