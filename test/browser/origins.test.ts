import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import cors from '@fastify/cors'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import supersession, { type AntiCsrfMode, getAllCORSHeaders } from '../../lib/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { newFolder } from '../builders/folder.ts'
import { skipWithoutHttpsBrowser } from '../builders/https-browser.ts'
import { findChromium } from './chromium.ts'

const SAME_SITES = ['lax', 'strict', 'none'] as const
const MODES: readonly AntiCsrfMode[] = ['NONE', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN']
const [API, WEBSITE, SIBLING, FOREIGN] = [
  'api.shop.test',
  'www.shop.test',
  'blog.shop.test',
  'www.evil.test'
]
const skip = await skipWithoutHttpsBrowser()

/** An API over https whose session cookies have one `SameSite`, and what came of requests to it. */
interface Api {
  readonly app: FastifyInstance
  readonly port: number
  /** What each request was answered, by the name in its query. */
  readonly answers: Map<string, string>
}

async function makeCertificate(folder: string): Promise<{ key: Buffer; cert: Buffer }> {
  const line =
    'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop.test -keyout k.pem -out c.pem'
  await promisify(execFile)('openssl', line.split(' '), { cwd: folder })
  return { key: await readFile(join(folder, 'k.pem')), cert: await readFile(join(folder, 'c.pem')) }
}

async function openApi(
  t: Test,
  https: { key: Buffer; cert: Buffer },
  cookieSameSite: (typeof SAME_SITES)[number],
  antiCsrf: AntiCsrfMode
): Promise<Api> {
  const app = Fastify({ https, forceCloseConnections: true })
  t.teardown(() => app.close())
  const answers = new Map<string, string>()
  let port = 0
  app.addHook('onResponse', async (request, reply) => {
    const { name } = request.query as { name?: string }
    if (name === undefined) return
    const hasCookie = /s(?:Access|Refresh)Token=/.test(request.headers.cookie ?? '')
    const cleared = /Token=;/.test(String(reply.getHeader('set-cookie'))) ? ', cleared' : ''
    answers.set(name, hasCookie ? `${reply.statusCode}${cleared}` : 'no cookie')
  })
  await app.register(cors, {
    origin: (origin, done) => done(null, origin === `https://${WEBSITE}:${port}`),
    credentials: true,
    exposedHeaders: ['anti-csrf'],
    allowedHeaders: ['content-type', ...getAllCORSHeaders()]
  })
  await app.register(supersession, {
    ...FAST_KEYS,
    appInfo: {
      apiDomain: `https://${API}`,
      origin: () => `https://${WEBSITE}:${port}`
    },
    cookieSameSite,
    antiCsrf
  })
  await app.register(websocket)
  app.post('/login', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    return {}
  })
  app.addContentTypeParser('application/x-www-form-urlencoded', (_request, _payload, done) =>
    done(null)
  )
  app.post('/order', { preHandler: app.verifySession() }, async () => 'done')
  app.get('/socket', { websocket: true, preValidation: app.verifySession() }, (socket, request) => {
    answers.set(String((request.query as { name?: string }).name), 'open')
    socket.close()
  })
  app.get('/page', async (_request, reply) => reply.type('text/html').send('<title>page</title>'))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
  return { app, port, answers }
}

/** Submits a form from the page that is open, in a frame or as the page itself. */
async function submitForm(
  page: Page,
  action: string,
  how: 'page' | 'frame' | 'sandbox'
): Promise<void> {
  const form = `<form method="post" action="${action}" target="${how === 'frame' ? 'inner' : ''}"></form>`
  const html =
    how === 'sandbox'
      ? `<iframe sandbox="allow-scripts allow-forms"></iframe>`
      : `${form}<iframe name="inner"></iframe>`
  const submit = 'document.forms[0].submit()'
  const sandboxed = JSON.stringify(`${form}<script>${submit}</script>`).replace('</', '<\\/')
  // As text: the compiler of tests does not know the names of browsers.
  await page.evaluate(
    `document.body.innerHTML = ${JSON.stringify(html)};` +
      (how === 'sandbox' ? `document.querySelector('iframe').srcdoc = ${sandboxed}` : submit)
  )
}

/** A request of a page, without headers that another site could not send. */
function plainFetch(page: Page, url: string): Promise<unknown> {
  return page.evaluate(
    (url) =>
      fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => {}),
    url
  )
}

function openSocket(page: Page, url: string): Promise<unknown> {
  return page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url.replace('https:', 'wss:'))
        socket.onclose = resolve
      }),
    url
  )
}

type Scenario = (send: {
  readonly context: BrowserContext
  readonly pageAt: (host: string) => Promise<Page>
  readonly url: string
  readonly socketUrl: string
  readonly antiCsrf: string | null
}) => Promise<unknown>

/** Where a request of the session comes from. Each is tried on an app's own route. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'website, as the SDK sends it': async ({ pageAt, url, antiCsrf }) =>
    (await pageAt(WEBSITE)).evaluate(
      ([url, antiCsrf]) =>
        fetch(url, {
          method: 'POST',
          credentials: 'include',
          headers: { rid: 'anti-csrf', ...(antiCsrf !== null && { 'anti-csrf': antiCsrf }) }
        }).then((reply) => reply.status),
      [url, antiCsrf] as const
    ),
  'website, without headers of its own': async ({ pageAt, url }) =>
    plainFetch(await pageAt(WEBSITE), url),
  "form of the website's page, `Origin: null`": async ({ pageAt, url }) =>
    submitForm(await pageAt(WEBSITE), url, 'sandbox'),
  'form of a sibling subdomain': async ({ pageAt, url }) =>
    submitForm(await pageAt(SIBLING), url, 'page'),
  'fetch of a sibling subdomain': async ({ pageAt, url }) => plainFetch(await pageAt(SIBLING), url),
  'form of another site': async ({ pageAt, url }) => submitForm(await pageAt(FOREIGN), url, 'page'),
  'form of another site, in a frame': async ({ pageAt, url }) =>
    submitForm(await pageAt(FOREIGN), url, 'frame'),
  'fetch of another site': async ({ pageAt, url }) => plainFetch(await pageAt(FOREIGN), url),
  'WebSocket of the website': async ({ pageAt, socketUrl }) =>
    openSocket(await pageAt(WEBSITE), socketUrl),
  'WebSocket of a sibling subdomain': async ({ pageAt, socketUrl }) =>
    openSocket(await pageAt(SIBLING), socketUrl),
  'WebSocket of another site': async ({ pageAt, socketUrl }) =>
    openSocket(await pageAt(FOREIGN), socketUrl)
}
/** What another page can try at the plugin's own routes. */
const ATTACKS = [
  'form of a sibling subdomain',
  'fetch of a sibling subdomain',
  'form of another site',
  'fetch of another site'
]

/** All scenarios for one `SameSite` and one mode: the answer of each. */
async function tryAll(t: Test, context: BrowserContext, api: Api): Promise<Map<string, string>> {
  const { port, answers } = api
  const at = (host: string, path: string) => `https://${host}:${port}${path}`
  const open: Page[] = []
  const pageAt = async (host: string): Promise<Page> => {
    const page = await context.newPage()
    open.push(page)
    await page.goto(at(host, '/page'))
    return page
  }
  const website = await pageAt(WEBSITE)
  const antiCsrf = await website.evaluate(
    (url) =>
      fetch(url, {
        method: 'POST',
        credentials: 'include',
        headers: { 'st-auth-mode': 'cookie', rid: 'anti-csrf' }
      }).then((reply) => reply.headers.get('anti-csrf')),
    at(API, '/login')
  )
  const results = new Map<string, string>()
  const run = async (scenario: string, path: string, name = `${scenario} ${path}`) => {
    const query = `?name=${encodeURIComponent(name)}`
    const send = SCENARIOS[scenario] as Scenario
    const url = at(API, path + query)
    await send({ context, pageAt, url, socketUrl: at(API, `/socket${query}`), antiCsrf })
    for (let tries = 0; !answers.has(name); tries++) {
      if (tries === 400) throw new Error(`${name} did not arrive within 20 seconds`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return String(answers.get(name))
  }
  for (const scenario of Object.keys(SCENARIOS))
    results.set(scenario, await run(scenario, '/order'))
  for (const scenario of ATTACKS)
    for (const path of ['/auth/session/refresh', '/auth/signout']) {
      const answer = await run(scenario, path)
      t.ok(['403', 'no cookie'].includes(answer), `${scenario}, ${path}: ${answer}`)
    }
  const inject = await api.app.inject({
    method: 'POST',
    url: '/order',
    headers: {
      cookie: (await context.cookies(at(API, '/')))
        .map(({ name, value }) => `${name}=${value}`)
        .join('; ')
    }
  })
  results.set('no browser: neither `Origin` nor `Sec-Fetch-Site`', String(inject.statusCode))
  const last = await run('website, as the SDK sends it', '/order', 'the last one')
  t.equal(last, '200', 'the session is alive after all of this')
  for (const page of open) await page.close()
  return results
}

/** One cell for all modes where they agree, else one value for each. */
function cellOf(values: readonly string[]): string {
  return new Set(values).size === 1 ? String(values[0]) : values.join(' / ')
}

void t.test('where a request with session cookies may come from', { skip }, async (t) => {
  const folder = await newFolder(t)
  const https = await makeCertificate(folder)
  const browser = await chromium.launch({
    executablePath: String(await findChromium(String(process.env['PATH']))),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--ignore-certificate-errors',
      '--host-resolver-rules=MAP *.test 127.0.0.1'
    ],
    timeout: 120_000
  })
  t.teardown(() => browser.close())
  const found = new Map<string, string[][]>()
  for (const sameSite of SAME_SITES) {
    const ofModes: Map<string, string>[] = []
    for (const mode of MODES) {
      const api = await openApi(t, https, sameSite, mode)
      const context = await browser.newContext({ ignoreHTTPSErrors: true })
      ofModes.push(await tryAll(t, context, api))
      await context.close()
      await api.app.close()
    }
    for (const scenario of ofModes[0]?.keys() ?? [])
      found.set(scenario, [
        ...(found.get(scenario) ?? []),
        ofModes.map((results) => String(results.get(scenario)))
      ])
  }
  const rows = [...found].map(
    ([scenario, columns]) => `| ${[scenario, ...columns.map(cellOf)].join(' | ')} |`
  )
  const page = await readFile('docs/cookies-and-origins.md', 'utf8').catch(() => '')
  const [, table = ''] = /\| the request comes from \|.*\n\|[- |]+\n((?:\|.*\n)+)/.exec(page) ?? []
  t.same(table.trim().split('\n'), rows)
})
