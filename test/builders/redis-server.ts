import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findServer, skipWithout } from './missing-server.ts'

/** A server that speaks Redis' protocol. */
export interface RedisKind {
  readonly name: string
  readonly binary: string
  /** For tap's `skip`. */
  readonly skip: string | false
}

/** The servers of this machine. Redis is listed even if it is missing, so that it is skipped with a reason. */
export const redisKinds: readonly RedisKind[] = [
  { name: 'Redis', file: 'redis-server' },
  { name: 'Valkey', file: 'valkey-server' }
]
  .map(({ name, file }) => ({ name, file, binary: findServer(file) }))
  .filter(({ name, binary }) => name === 'Redis' || binary !== undefined)
  .map(({ name, file, binary }) => ({
    name,
    binary: String(binary),
    skip: skipWithout(file, binary)
  }))

/** A Redis for one test, on a Unix socket. It writes nothing to disk unless `settings` say so. */
export class RedisServer {
  readonly socket: string
  readonly #binary: string
  readonly #folder: string
  readonly #settings: readonly string[]
  #process: ChildProcess | null = null

  private constructor(binary: string, folder: string, settings: readonly string[]) {
    this.#binary = binary
    this.#folder = folder
    this.#settings = settings
    this.socket = join(folder, 'redis.sock')
  }

  /** Resolves when it answers. */
  static async start({ binary }: RedisKind, ...settings: string[]): Promise<RedisServer> {
    const server = new RedisServer(binary, await mkdtemp(join(tmpdir(), 'redis-')), settings)
    await server.resume()
    return server
  }

  /** Starts it with the data that it kept. Resolves when it answers. */
  async resume(): Promise<void> {
    const place = ['--port', '0', '--unixsocket', 'redis.sock', '--dir', this.#folder]
    const child = spawn(
      this.#binary,
      [...place, '--save', '', '--appendonly', 'no', ...this.#settings],
      { cwd: this.#folder, stdio: ['ignore', 'pipe', 'inherit'] }
    )
    this.#process = child
    for await (const line of createInterface(child.stdout))
      if (/ready to accept connections/i.test(line)) break
  }

  /** Stops it in the middle of its work, until `proceed`. */
  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  proceed(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Kills it. Its clients are not told. */
  async crash(): Promise<void> {
    const child = this.#process
    this.#process = null
    if (child === null || child.exitCode !== null) return
    const exited = once(child, 'exit')
    if (child.kill('SIGKILL')) await exited
  }

  async stop(): Promise<void> {
    await this.crash()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
