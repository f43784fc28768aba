import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findServer, skipWithout } from './missing-server.ts'

/* c8 ignore next: machines have one or the other */
const binary = findServer('redis-server') ?? findServer('valkey-server')

/** For tap's `skip`. */
export const skipWithoutRedis = skipWithout('redis-server', binary)

/** A Redis of its own on a Unix socket, which keeps nothing. */
export class RedisServer {
  readonly socket: string
  readonly #folder: string
  readonly #process: ChildProcess

  private constructor(folder: string, process: ChildProcess) {
    this.#folder = folder
    this.#process = process
    this.socket = join(folder, 'redis.sock')
  }

  /** Resolves when it answers. */
  static async start(...more: string[]): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'redis-'))
    const settings = ['--port', '0', '--unixsocket', 'redis.sock', '--dir', folder]
    const child = spawn(
      String(binary),
      [...settings, '--save', '', '--appendonly', 'no', ...more],
      { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] }
    )
    for await (const line of createInterface(child.stdout))
      if (/ready to accept connections/i.test(line)) break
    return new RedisServer(folder, child)
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, 'exit')
    if (this.#process.exitCode === null && this.#process.kill('SIGKILL')) await exited
    await rm(this.#folder, { recursive: true, force: true })
  }
}
