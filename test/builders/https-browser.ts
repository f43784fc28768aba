import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Fastify, { type FastifyInstance } from 'fastify'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { findChromium } from '../browser/chromium.ts'
import { newFolder } from './folder.ts'
import { freePort } from './free-port.ts'
import { findServer } from './missing-server.ts'

const run = promisify(execFile)
/** Browsers bind sessions of hosts with a name alone. */
const HOST = 'app.example.com'
const ARGUMENTS = [
  '--no-sandbox',
  '--headless=new',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  `--host-resolver-rules=MAP ${HOST} 127.0.0.1`,
  // Where there is no TPM keys are kept in software.
  '--enable-features=DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting'
]

/** A site over https, and a browser that trusts it and binds sessions. */
export interface HttpsSite {
  readonly app: FastifyInstance
  readonly origin: string
  readonly context: BrowserContext
  readonly page: Page
}

/**
 * Why there can be no such browser, for tap's `skip`; `false` where there can.
 *
 * @throws Where `CI` is set: no test is skipped there.
 */
export async function skipWithoutHttpsBrowser(): Promise<string | false> {
  const path = String(process.env['PATH'])
  const missing = ['openssl', 'certutil'].filter((name) => findServer(name) === undefined)
  /* c8 ignore next 7: only where something is missing */
  if ((await findChromium(path)) === null) missing.push('chromium')
  if (missing.length === 0) return false
  const reason = `${missing.join(', ')} not installed: binding to devices is NOT tested in a browser`
  if (process.env['CI']) throw new Error(reason)
  console.error(reason)
  return reason
}

/** Serves an app that `build` adds to, and opens its page. Everything is closed with the test. */
export async function openHttpsSite(
  t: Test,
  build: (app: FastifyInstance, origin: string) => Promise<void>
): Promise<HttpsSite> {
  const folder = await newFolder(t)
  const home = await makeCertificate(folder)
  const port = await freePort()
  const origin = `https://${HOST}:${port}`
  const https = {
    key: await readFile(join(folder, 'key.pem')),
    cert: await readFile(join(folder, 'cert.pem'))
  }
  const app = Fastify({ https, forceCloseConnections: true })
  t.teardown(() => app.close())
  await build(app, origin)
  app.get('/', async (_request, reply) => reply.type('text/html').send('<title>site</title>'))
  await app.listen({ port, host: '127.0.0.1' })

  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: String(await findChromium(String(process.env['PATH']))),
    // Playwright switches features off that this needs.
    ignoreDefaultArgs: ['--disable-features', '--disable-component-update'],
    args: ARGUMENTS,
    env: { ...process.env, HOME: home } as Record<string, string>,
    timeout: 120_000
  })
  t.teardown(() => context.close())
  const page = await context.newPage()
  await page.goto(origin)
  return { app, origin, context, page }
}

/** A throwaway CA and a certificate for the host, and a home whose browsers trust that CA. */
async function makeCertificate(folder: string): Promise<string> {
  const openssl = (line: string) => run('openssl', line.split(' '), { cwd: folder })
  const home = join(folder, 'home')
  const database = `sql:${home}/.pki/nssdb`
  await mkdir(join(home, '.pki/nssdb'), { recursive: true })
  const newKey = '-newkey rsa:2048 -nodes'
  await openssl(`req -x509 ${newKey} -days 2 -subj /CN=throwaway -keyout ca.key -out ca.pem`)
  await openssl(`req ${newKey} -subj /CN=${HOST} -keyout key.pem -out leaf.csr`)
  const extensions = `subjectAltName=DNS:${HOST}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth`
  await writeFile(join(folder, 'extensions'), extensions)
  await openssl(
    'x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem -extfile extensions'
  )
  await run('certutil', ['-d', database, '-N', '--empty-password'])
  const ca = join(folder, 'ca.pem')
  await run('certutil', ['-d', database, '-A', '-t', 'C,,', '-n', 'throwaway', '-i', ca])
  return home
}
