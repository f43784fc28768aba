import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chown, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import { findServer, skipWithout } from './missing-server.ts'
import { newServerFolder, type PostgresServer, serverUser } from './postgres-server.ts'

const pgbouncer = findServer('pgbouncer', ['/usr/sbin'])

/** For tap's `skip`. */
export const skipWithoutPgBouncer = skipWithout('pgbouncer', pgbouncer)

/**
 * Starts a PgBouncer in front of a server, for one test. Resolves when it listens.
 *
 * @param poolMode - When a connection of the server goes to another client.
 * @returns The `host` that clients connect to, at port 5432.
 */
export async function startPgBouncer(
  t: Test,
  server: PostgresServer,
  poolMode: 'transaction' | 'statement'
): Promise<string> {
  const user = await serverUser()
  const folder = await newServerFolder('pgbouncer-', user)
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(
    file,
    `[databases]
postgres = host=${server.folder} user=postgres
[pgbouncer]
unix_socket_dir = ${folder}
listen_port = 5432
auth_type = any
pool_mode = ${poolMode}
default_pool_size = 5
`
  )
  if (user !== undefined) await chown(file, user.uid, user.gid)
  const bouncer = spawn(String(pgbouncer), ['-q', file], { stdio: 'ignore', ...user })
  const exited = once(bouncer, 'exit')
  t.teardown(async () => {
    bouncer.kill()
    await exited
    await rm(folder, { recursive: true, force: true })
  })
  while (!existsSync(join(folder, '.s.PGSQL.5432'))) await pause(10)
  return folder
}
