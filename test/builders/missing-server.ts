import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Finds the binary of a server in `folders` or on the PATH. */
export function findServer(name: string, folders: readonly string[] = []): string | undefined {
  const path = String(process.env['PATH']).split(delimiter)
  return [...folders, ...path].map((folder) => join(folder, name)).find((file) => existsSync(file))
}

/**
 * Why tests that need a server are skipped, for tap's `skip`; `false` where it is there.
 *
 * @throws Where `CI` is set: no test is skipped there.
 */
export function skipWithout(server: string, binary: string | undefined): string | false {
  /* c8 ignore next 6: only where the server is missing */
  if (binary !== undefined) return false
  const reason = `${server} is not installed: its store is NOT tested here`
  if (process.env['CI']) throw new Error(reason)
  console.error(reason)
  return reason
}
