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
  /** See `Server`. */
  readonly processorTime: () => Promise<number>
  readonly requests: Requests
  /** The status of every answer. */
  readonly status: number
}

/** What one load of a target found. */
export interface Sample {
  readonly perSecond: number
  /** Processor time of the server for one request, in microseconds. */
  readonly processorUs: number
}

/** Where in its requests the next load of a target begins. */
const positions = new WeakMap<LoadTarget, number>()

/**
 * Loads a server from a process of its own, on 64 connections.
 *
 * @param seconds - A whole number; wrk takes no other.
 * @throws Error An answer was not of the target's status.
 */
export async function load(target: LoadTarget, seconds: number): Promise<Sample> {
  const { requests, status, port } = target
  const first = positions.get(target) ?? 0
  const before = await target.processorTime()
  const found = await generate(`http://127.0.0.1:${port}/me`, seconds, [
    requests.file,
    String(first % requests.count)
  ])
  const usedNs = (await target.processorTime()) - before
  positions.set(target, first + found.requests)
  const expectedRefused = status < 400 ? 0 : found.requests
  if (found.failed > 0 || found.refused !== expectedRefused)
    throw new Error(`${JSON.stringify(found)}, where all ought to have been ${status}`)
  return {
    perSecond: found.requests / found.seconds,
    processorUs: usedNs / 1000 / found.requests
  }
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
