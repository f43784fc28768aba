import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import type { Test } from 'tap'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

export type ChromiumOrReason =
  | { readonly browser: Browser; readonly skip: false }
  | { readonly browser: null; readonly skip: string }

/**
 * Starts a headless Chromium, closed when the test ends. Where there is none, the answer has the
 * reason for which its tests are skipped.
 *
 * @throws Where `CI` is set and there is none: no test is skipped there.
 */
export async function launchChromium(
  t: Test,
  env: NodeJS.ProcessEnv = process.env
): Promise<ChromiumOrReason> {
  const executablePath = await findChromium(String(env['PATH']))
  if (executablePath === null) {
    const skip = `THE BROWSER TESTS DO NOT RUN: none of ${NAMES.join(', ')} is on PATH`
    if (env['CI'] !== undefined) throw new Error(skip)
    t.comment(skip)
    return { browser: null, skip }
  }
  /* c8 ignore start: this is not reached where there is no browser */
  const browser = await chromium.launch({ executablePath, args: ARGUMENTS, timeout: 120_000 })
  t.teardown(() => browser.close())
  return { browser, skip: false }
}
/* c8 ignore stop */

/** Where Chromium is, in a list of folders as PATH has it. */
export async function findChromium(searchPath: string): Promise<string | null> {
  const directories = searchPath.split(delimiter)
  const paths = directories.flatMap((directory) => NAMES.map((name) => join(directory, name)))
  const isThere = await Promise.all(paths.map(isExecutable))
  return paths.find((_path, index) => isThere[index]) ?? null
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false
  )
}
