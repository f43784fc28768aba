import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Requests } from './requests.ts'

const run = promisify(execFile)
const CONNECTIONS = 64

interface Load {
  readonly requests: number
  readonly seconds: number
  /** Answers with a status from 400 on. */
  readonly refused: number
  readonly failed: number
}

export interface LoadTarget {
  readonly port: number
  readonly requests: Requests
  /** The status of every answer. */
  readonly status: number
}

/** Where in its requests the next load of a target begins. */
const positions = new WeakMap<LoadTarget, number>()

/**
 * Loads a server from a process of its own, on 64 connections.
 *
 * @param seconds - A whole number; wrk takes no other.
 * @returns Requests per second.
 * @throws Error An answer was not of the target's status.
 */
export async function load(target: LoadTarget, seconds: number): Promise<number> {
  const { requests, status, port } = target
  const first = positions.get(target) ?? 0
  const found = await generate(`http://127.0.0.1:${port}/me`, seconds, [
    requests.file,
    String(first % requests.count)
  ])
  positions.set(target, first + found.requests)
  const expectedRefused = status < 400 ? 0 : found.requests
  if (found.failed > 0 || found.refused !== expectedRefused)
    throw new Error(`${JSON.stringify(found)}, where all ought to have been ${status}`)
  return found.requests / found.seconds
}

/** How many requests a target has been sent. */
export function sentTo(target: LoadTarget): number {
  return positions.get(target) ?? 0
}

/** What generates the load, for the head of a table. */
export const generator: string = await findWrk()

async function findWrk(): Promise<string> {
  try {
    // It answers its version with an error code.
    const text = await run('wrk', ['-v']).catch(({ stdout }: { stdout: string }) => ({ stdout }))
    const [, version] = /^wrk (\S+)/.exec(text.stdout) ?? []
    if (version !== undefined) return `wrk ${version}`
  } catch {}
  return 'autocannon'
}

async function generate(url: string, seconds: number, rest: string[]): Promise<Load> {
  const { stdout } = generator.startsWith('wrk')
    ? await run('wrk', [
        '-t1',
        `-c${CONNECTIONS}`,
        `-d${seconds}s`,
        '-s',
        'bench/load/requests.lua',
        url,
        '--',
        ...rest
      ])
    : await run(process.execPath, ['bench/load/autocannon.js', url, String(seconds), ...rest])
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Load
}
