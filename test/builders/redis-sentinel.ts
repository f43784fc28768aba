import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { newFolder } from './folder.ts'
import { freePort } from './free-port.ts'
import type { Replication } from './redis-replication.ts'
import type { RedisKind } from './redis-server.ts'

/** The name by which a Sentinel knows the servers. */
export const MASTER_NAME = 'sessions'

/** A Sentinel that has a replica take over half a second after the master fell silent. @returns Its port. */
export async function startSentinel(
  t: Test,
  kind: RedisKind,
  { masterPort, replicas }: Replication
): Promise<number> {
  const port = await freePort()
  const folder = await newFolder(t)
  const file = join(folder, 'sentinel.conf')
  const settings = [
    `port ${port}`,
    `dir ${folder}`,
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 1`,
    `sentinel down-after-milliseconds ${MASTER_NAME} 500`,
    `sentinel failover-timeout ${MASTER_NAME} 3000`
  ]
  await writeFile(file, settings.join('\n'))
  const child = spawn(kind.binary, [file, '--sentinel'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => stop(child))
  // One line for each replica that it has found.
  let found = 0
  for await (const line of createInterface(child.stdout))
    if (line.includes('+slave slave') && ++found === replicas.length) break
  return port
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  if (child.kill('SIGKILL')) await exited
}
