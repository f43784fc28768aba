import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Headers } from './requests.ts'

/** A server in a process of its own, on the loopback interface. */
export interface Server {
  readonly port: number
  /** Headers of requests with sessions that only this server knows, where it makes its own. */
  readonly requests: readonly Headers[]
  /** Processor time that the server has used so far, user and system, in nanoseconds. */
  processorTime(): Promise<number>
  stop(): void
}

/**
 * Starts one of `bench/servers`.
 *
 * @param order - What the server is told; see there.
 */
export async function startServer(name: string, order: object): Promise<Server> {
  // Peers are plain JavaScript and stay where the packages are that they import.
  const path = name.startsWith('peers/')
    ? `bench/servers/${name}.js`
    : fileURLToPath(new URL(`./servers/${name}.js`, import.meta.url))
  const child = fork(path, {
    serialization: 'advanced',
    // The flags of this process, source maps for one, are not to slow a server down.
    execArgv: [],
    env: { ...process.env, NODE_ENV: 'production' }
  })
  child.send(order)
  const [answer] = await Promise.race([
    once(child, 'message') as Promise<[{ port: number; requests: Headers[] }]>,
    once(child, 'exit').then(() => Promise.reject(new Error(`${path} ended before it listened`)))
  ])
  const { pid } = child
  return { ...answer, processorTime: () => processorTimeOf(pid), stop: () => child.disconnect() }
}

/**
 * The processor time of all threads of a process, garbage collection included. Linux counts it in
 * nanoseconds.
 */
async function processorTimeOf(pid: number | undefined): Promise<number> {
  const folder = `/proc/${pid}/task`
  const texts = await Promise.all(
    (await readdir(folder)).map((thread) => readFile(`${folder}/${thread}/schedstat`, 'utf8'))
  )
  return texts.reduce((sum, text) => sum + Number(text.split(' ', 1)[0]), 0)
}
