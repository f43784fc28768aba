import { setTimeout as wait } from 'node:timers/promises'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import supersession, { type SupersessionOptions } from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import {
  type HttpsSite,
  openHttpsSite,
  skipWithoutHttpsBrowser
} from '../builders/https-browser.ts'

const COOKIE = '__Host-sDevice'
const skip = await skipWithoutHttpsBrowser()

interface BoundSite extends HttpsSite {
  /** What was asked of the route that renews the cookie: statuses of the replies. */
  readonly renewals: number[]
}

/** A site whose bound cookies live for `seconds`, with a user who has logged in. */
async function loggedIn(
  t: Test,
  seconds: number,
  more: SupersessionOptions = {}
): Promise<BoundSite> {
  const renewals: number[] = []
  const site = await openHttpsSite(t, async (app, origin) => {
    app.addHook('onResponse', async (request, reply) => {
      if (request.url === '/auth/session/device/refresh') renewals.push(reply.statusCode)
    })
    await app.register(supersession, {
      ...FAST_KEYS,
      appInfo: { apiDomain: origin },
      deviceBinding: { methods: 'dbsc', boundCookieLifetime: seconds },
      ...more
    })
    addRoutes(app)
  })
  t.equal(await call(site, 'POST', '/login', { userId: 'ada' }), 200)
  await until(async () => (await jar(site)).includes(COOKIE))
  return { ...site, renewals }
}

/** What page JavaScript gets for a call: its status. Knows nothing of bindings. */
async function call({ page }: HttpsSite, method: string, url: string, body?: object) {
  return page.evaluate(
    async ([method, url, body]) => {
      const headers = { 'st-auth-mode': 'cookie', rid: 'session' }
      const content = body === undefined ? {} : { 'content-type': 'application/json' }
      const reply = await fetch(url, {
        method,
        headers: { ...headers, ...content },
        ...(body !== undefined && { body })
      })
      return reply.status
    },
    [method, url, body && JSON.stringify(body)] as [string, string, string | undefined]
  )
}

/** The cookies of the browser as a `Cookie` header: what a thief copies. */
async function jar({ context }: HttpsSite): Promise<string> {
  return (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ')
}

/** What only the browser knows when it happens, by its own clock. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await isSo()) return
    await wait(50)
  }
  throw new Error('it did not happen within 20 seconds')
}

void t.test('Chromium binds a session, and a page that was idle goes on', { skip }, async (t) => {
  const site = await loggedIn(t, 5)
  const { app, page, origin, renewals } = site
  const [session] = await app.sessions.devices('ada')
  t.equal(session?.deviceBinding, 'dbsc')
  t.equal(await call(site, 'GET', '/me'), 200)

  await page.goto('about:blank')
  await until(async () => !(await jar(site)).includes(COOKIE))
  await page.goto(`${origin}/me`)
  t.match(await page.content(), /"userId":"ada"/, 'the request waited for the next cookie')
  t.equal(renewals.at(-1), 200)
  t.equal(await call(site, 'POST', '/auth/session/refresh'), 200)
  t.equal(await call(site, 'GET', '/me'), 200)
  t.same(await app.sessions.list('ada'), [session?.handle], 'it is one session')
})

void t.test('all cookies elsewhere are good until the bound cookie ends', { skip }, async (t) => {
  const site = await loggedIn(t, 5)
  const { app } = site
  const cookie = await jar(site)
  const thief = async () => (await app.inject({ url: '/me', headers: { cookie } })).statusCode
  t.equal(await thief(), 200)
  const headers = { cookie: cookie.replace(/__Host-sDevice=[^;]+/, ''), rid: 'session' }
  const refresh = { method: 'POST', url: '/auth/session/refresh', headers } as const
  t.equal((await app.inject(refresh)).statusCode, 401, 'without it nothing is')
  await until(async () => (await thief()) === 401)
  t.equal((await app.inject({ ...refresh, headers: { cookie, rid: 'session' } })).statusCode, 401)
  t.equal(await call(site, 'GET', '/me'), 200, 'the owner is undisturbed')
  t.equal(await call(site, 'POST', '/auth/session/refresh'), 200)
  t.equal((await app.sessions.list('ada')).length, 1)
})

void t.test('the front-end SDK does not notice', { skip }, async (t) => {
  const site = await loggedIn(t, 5, { accessTokenValidity: 4 })
  const { app, page, origin } = site
  const contents = "import sdk from 'supertokens-website'; window.sdk = sdk"
  const stdin = { contents, resolveDir: process.cwd() }
  const { outputFiles } = await build({ stdin, bundle: true, write: false, format: 'iife' })
  await page.addScriptTag({ content: String(outputFiles[0]?.text) })
  const script = `sdk.init({ apiDomain: '${origin}', apiBasePath: '/auth' })`
  await page.evaluate(script)
  t.equal(await call(site, 'POST', '/login', { userId: 'ada' }), 200)
  await until(async () => (await app.sessions.devices('ada'))[0]?.deviceBinding === 'dbsc')
  const cookie = await jar(site)
  await until(
    async () => (await app.inject({ url: '/me', headers: { cookie } })).statusCode === 401
  )
  t.equal(await call(site, 'GET', '/me'), 200, 'it refreshes, and the browser renews')
  t.equal(await page.evaluate('sdk.doesSessionExist()'), true)
  const bound = String(
    await page.evaluate('sdk.getAccessTokenPayloadSecurely().then(JSON.stringify)')
  )
  t.match(JSON.parse(bound), { cnf: { jkt: /./ } })
  t.equal((await app.sessions.list('ada')).length, 1)
})

void t.test('after a sign-out Chromium forgets the binding', { skip }, async (t) => {
  const site = await loggedIn(t, 600)
  const { renewals } = site
  t.equal(await call(site, 'POST', '/auth/signout'), 200)
  t.equal(await jar(site), '')
  t.equal(await call(site, 'GET', '/me'), 401)
  const asked = renewals.length
  t.equal(await call(site, 'GET', '/me'), 401)
  t.equal(renewals.length, asked, 'it asks no more')
  t.equal(await call(site, 'POST', '/login', { userId: 'ada' }), 200)
  await until(async () => (await jar(site)).includes(COOKIE))
  t.equal(await call(site, 'GET', '/me'), 200, 'the next login is bound anew')
})
