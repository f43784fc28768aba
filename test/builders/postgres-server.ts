import { execFile } from 'node:child_process'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findServer, skipWithout } from './missing-server.ts'

const run = promisify(execFile)

/** Debian keeps the binaries of each version in a folder of its own. */
const DEBIAN = '/usr/lib/postgresql'
const versions = await readdir(DEBIAN).catch(() => [])
const folders = versions.toSorted((a, b) => Number(b) - Number(a)).map((v) => `${DEBIAN}/${v}/bin`)
const initdb = findServer('initdb', folders)
const pgCtl = findServer('pg_ctl', folders)
const pgBasebackup = findServer('pg_basebackup', folders)

/** For tap's `skip`. */
export const skipWithoutPostgres = skipWithout('postgresql', initdb && pgCtl)

/** The user that servers run as; `undefined`: the user who runs the tests. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

/** A PostgreSQL for one test, on a Unix socket, in a folder that is deleted with it. */
export class PostgresServer {
  /** The `host` that clients connect to, as the user `postgres`. */
  readonly folder: string
  readonly #user: ServerUser | undefined
  readonly #settings: Readonly<Record<string, string>>
  #isRunning = false

  private constructor(
    folder: string,
    user: ServerUser | undefined,
    settings: Readonly<Record<string, string>>
  ) {
    this.folder = folder
    this.#user = user
    this.#settings = settings
  }

  /**
   * Resolves when it answers.
   *
   * @param settings - As in `postgresql.conf`.
   */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
    const user = await serverUser()
    const folder = await newServerFolder('postgres-', user)
    const all = { listen_addresses: "''", fsync: 'off', max_connections: '200', ...settings }
    const server = new PostgresServer(folder, user, all)
    const [auth, encoding] = [
      ['-A', 'trust'],
      ['-E', 'UTF8', '--locale=C']
    ]
    const cluster = ['-D', server.#data, '-U', 'postgres', ...auth, '--no-sync', ...encoding]
    await server.#run(initdb, ...cluster)
    await server.resume()
    return server
  }

  /* c8 ignore start: only the long tests have standbys */
  /** Starts a standby that follows this server. Resolves when it answers. */
  async startStandby(): Promise<PostgresServer> {
    const folder = await newServerFolder('postgres-', this.#user)
    const standby = new PostgresServer(folder, this.#user, this.#settings)
    const source = ['-h', this.folder, '-U', 'postgres']
    await this.#run(pgBasebackup, '-D', standby.#data, ...source, '-R', '-c', 'fast', '--no-sync')
    await standby.resume()
    return standby
  }

  /** Makes a primary of a standby. Resolves when it takes writes. */
  async promote(): Promise<void> {
    await this.#run(pgCtl, '-D', this.#data, '-s', '-w', 'promote')
  }
  /* c8 ignore stop */

  /** The socket in its folder. */
  get socket(): string {
    return join(this.folder, '.s.PGSQL.5432')
  }

  /** Starts it with the data that it kept. Resolves when it answers. */
  async resume(): Promise<void> {
    const options = Object.entries(this.#settings).map(([name, value]) => `-c ${name}=${value}`)
    const start = ['-w', '-l', join(this.folder, 'log')]
    const server = ['-o', `-k ${this.folder} ${options.join(' ')}`]
    await this.#run(pgCtl, '-D', this.#data, '-s', ...start, ...server, 'start')
    this.#isRunning = true
  }

  /** Kills it. Its clients are not told. */
  async crash(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    await this.#run(pgCtl, '-D', this.#data, '-s', '-m', 'immediate', 'stop')
  }

  async stop(): Promise<void> {
    await this.crash()
    await rm(this.folder, { recursive: true, force: true })
  }

  get #data(): string {
    return join(this.folder, 'data')
  }

  async #run(file: string | undefined, ...args: string[]): Promise<void> {
    await run(String(file), args, { cwd: this.folder, ...this.#user })
  }
}

/** A temporary folder of the user that a server runs as. */
export async function newServerFolder(
  prefix: string,
  user: ServerUser | undefined
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix))
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  return folder
}

/** PostgreSQL and PgBouncer refuse to run as root. Debian's package creates a user for them. */
export async function serverUser(): Promise<ServerUser | undefined> {
  /* c8 ignore next: depends on who runs the tests */
  if (process.getuid?.() !== 0) return undefined
  const idOf = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  return { uid: await idOf('-u'), gid: await idOf('-g') }
}
