import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import Fastify from 'fastify'
import t from 'tap'
// It comes with VitePress.
import { createServer } from 'vite'
import { buildApp as buildExistingApp } from '../../examples/recipes/existing-app.ts'
import { buildApi } from '../../examples/recipes/front-end-api.ts'
import { buildApp as buildPages } from '../../examples/recipes/server-rendered-pages.ts'
import { buildApp as buildSinglePageApp } from '../../examples/recipes/single-page-app.ts'
import { buildApp as buildChat } from '../../examples/recipes/websocket.ts'
import { newFolder } from '../builders/folder.ts'
import { freePort } from '../builders/free-port.ts'
import { launchChromium } from './chromium.ts'

const { browser, skip } = await launchChromium(t)

/** Bundles a front end as Vite and Next do. */
async function bundle(entry: string, outfile: string): Promise<void> {
  await build({ entryPoints: [entry], bundle: true, outfile, format: 'esm', logLevel: 'error' })
}

void t.test(
  'a single-page app refreshes by itself, on a path of its router',
  { skip },
  async (t) => {
    const root = await newFolder(t)
    await bundle('examples/recipes/single-page-app-main.js', join(root, 'main.js'))
    await writeFile(join(root, 'index.html'), '<script type="module" src="/main.js"></script>')
    const app = await buildSinglePageApp(root)
    t.teardown(() => app.close())
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const context = await browser?.newContext()
    const page = await context?.newPage()
    await page?.goto(`${origin}/settings`)
    const statuses = await page?.evaluate(async () => {
      const body = JSON.stringify({ userId: 'ada' })
      const headers = { 'content-type': 'application/json' }
      const login = await fetch('/api/login', { method: 'POST', headers, body })
      return [login.status, (await fetch('/api/me')).status]
    })
    t.same(statuses, [200, 200])
    await context?.clearCookies({ name: 'sAccessToken' })
    t.equal(await page?.evaluate(async () => (await fetch('/api/me')).status), 200)
    await context?.close()
  }
)

void t.test('pages without scripts refresh by themselves', { skip }, async (t) => {
  let sinceStartMs = 0
  const app = await buildPages({ clock: () => Date.now() + sinceStartMs })
  t.teardown(() => app.close())
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  const other = Fastify()
  t.teardown(() => other.close())
  other.get('/', async (_request, reply) =>
    reply.type('text/html').send(`<a href="${origin}/account">a link</a>`)
  )
  const { port } = new URL(await other.listen({ port: 0, host: '127.0.0.1' }))
  const context = await browser?.newContext({ javaScriptEnabled: false })
  const page = await context?.newPage()
  if (page === undefined) throw new Error('there is no browser')

  const submit = async (name: string, value: string) => {
    await page.fill(`[name=${name}]`, value)
    await page.press(`[name=${name}]`, 'Enter')
  }
  const heading = async () => page.textContent('h1')
  await page.goto(`${origin}/account`)
  t.equal(page.url(), `${origin}/login`)
  await submit('user', 'ada')
  t.equal(await heading(), 'ada')

  sinceStartMs += 3_700_000
  await page.goto(`${origin}/account?tab=2`)
  t.equal(await heading(), 'ada', 'a page')
  t.equal(page.url(), `${origin}/account?tab=2`)

  sinceStartMs += 3_700_000
  await submit('name', 'Ada Lovelace')
  await page.waitForURL(`${origin}/account`)
  t.equal(await heading(), 'Ada Lovelace', 'a form')

  sinceStartMs += 3_700_000
  await page.goto(`http://localhost:${port}/`)
  await page.click('a')
  await page.waitForURL(`${origin}/account`)
  t.equal(await heading(), 'Ada Lovelace', 'a link of another site')

  sinceStartMs += 3_700_000
  await page.click('button')
  await page.waitForURL(`${origin}/login`)
  t.same(await app.sessions.list('ada'), [])
  await context?.close()
})

void t.test(
  'a chat refreshes before it connects again, and ends with its session',
  {
    skip
  },
  async (t) => {
    let sinceStartMs = 0
    const app = await buildChat({ clock: () => Date.now() + sinceStartMs })
    t.teardown(() => app.close())
    const contents = `import { connect } from './examples/recipes/websocket-client.js'
    Object.assign(window, { connect, heard: [], opened: 0 })`
    const stdin = { contents, resolveDir: process.cwd() }
    const { outputFiles } = await build({ stdin, bundle: true, write: false, format: 'iife' })
    app.get('/', async (_request, reply) => reply.type('text/html').send('<title>chat</title>'))
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const context = await browser?.newContext()
    const page = await context?.newPage()
    if (page === undefined) throw new Error('there is no browser')
    await page.goto(origin)
    await page.addScriptTag({ content: String(outputFiles[0]?.text) })
    const connect = () =>
      page.evaluate(`new Promise((resolve) => connect({
      onOpen: (socket) => { window.socket = socket; opened += 1; resolve('open') },
      onMessage: (text) => heard.push(text),
      onEnd: () => { heard.push('end'); resolve('end') }
    }))`)
    const heard = async (text: string) => page.waitForFunction(`heard.at(-1) === '${text}'`)

    t.equal(await connect(), 'end', 'without a session')
    await page.evaluate(async () => {
      const headers = { 'content-type': 'application/json' }
      await fetch('/login', { method: 'POST', headers, body: JSON.stringify({ userId: 'ada' }) })
    })
    t.equal(await connect(), 'open')
    await page.evaluate(`socket.send('hello')`)
    await heard('ada: hello')

    sinceStartMs += 3_700_000
    await page.clock.setSystemTime(Date.now() + sinceStartMs)
    t.equal(await connect(), 'open', 'with an access token that had expired')
    await page.evaluate(`socket.send('again')`)
    await heard('ada: again')

    for (const client of app.websocketServer.clients) client.terminate()
    await page.waitForFunction('opened === 4')
    await app.sessions.revokeAll('ada')
    await heard('end')
    await context?.close()
  }
)

for (const [method, host] of [
  ['cookie', '127.0.0.1'],
  ['header', 'localhost']
] as const)
  void t.test(
    `a front end on another origin, at ${host}, has its session by ${method}`,
    {
      skip
    },
    async (t) => {
      const [port, websitePort] = [await freePort(), await freePort()]
      const api = `http://127.0.0.1:${port}`
      const website = `http://${host}:${websitePort}`
      const app = await buildApi(api, website)
      t.teardown(() => app.close())
      await app.listen({ port, host: '127.0.0.1' })
      const stdin = {
        contents: `import { createRoot } from 'react-dom/client'
        import { Account } from './examples/recipes/front-end-account.jsx'
        createRoot(document.getElementById('root')).render(<Account />)`,
        resolveDir: process.cwd(),
        loader: 'jsx'
      } as const
      const { outputFiles } = await build({
        stdin,
        bundle: true,
        write: false,
        jsx: 'automatic',
        define: { 'process.env.NEXT_PUBLIC_API': JSON.stringify(api) }
      })
      const script = String(outputFiles[0]?.text).replace(
        'apiBasePath: "/auth"',
        `apiBasePath: "/auth", tokenTransferMethod: "${method}"`
      )
      const site = Fastify()
      t.teardown(() => site.close())
      site.get('/', async (_request, reply) =>
        reply
          .type('text/html')
          .send('<div id="root"></div><script type="module" src="/main.js"></script>')
      )
      site.get('/main.js', async (_request, reply) => reply.type('text/javascript').send(script))
      await site.listen({ port: websitePort, host: '127.0.0.1' })
      const context = await browser?.newContext()
      const page = await context?.newPage()
      if (page === undefined) throw new Error('there is no browser')
      await page.goto(website)
      await page.click('text=Log in')
      await page.waitForSelector('text=ada')
      const cookies = await context?.cookies(api)
      t.equal(
        cookies?.some(({ name }) => name === 'sAccessToken'),
        method === 'cookie'
      )
      await page.reload()
      await page.waitForSelector('text=ada')
      await page.click('text=Log out')
      await page.waitForSelector('text=Log in')
      t.same(await app.sessions.list('ada'), [])
      await context?.close()
    }
  )

void t.test(
  'a dev server on another port is a proxy for an app, by any name of the machine',
  { skip },
  async (t) => {
    const app = await buildExistingApp(async () => ({ id: 7 }))
    t.teardown(() => app.close())
    const target = await app.listen({ port: 0, host: '127.0.0.1' })
    const file = resolve('examples/recipes/existing-app-vite.config.js')
    const { default: config } = await import(pathToFileURL(file).href)
    const proxy = structuredClone(config.server.proxy)
    for (const to of Object.values(proxy)) Object.assign(to as object, { target })
    const port = await freePort()
    const root = await newFolder(t)
    await writeFile(join(root, 'index.html'), '<title>front end</title>')
    const vite = await createServer({
      root,
      configFile: false,
      logLevel: 'error',
      server: { proxy, port, strictPort: true, host: '0.0.0.0' }
    })
    t.teardown(() => vite.close())
    await vite.listen()
    // To a browser 0.0.0.0 is as any address of a network: it does not say `Sec-Fetch-Site` there.
    for (const [host, headers] of [
      ['localhost', {}],
      ['0.0.0.0', { 'st-auth-mode': 'cookie' }]
    ] as const) {
      const context = await browser?.newContext()
      const page = await context?.newPage()
      await page?.goto(`http://${host}:${port}/`)
      const answers = await page?.evaluate(async (more) => {
        const headers = { 'content-type': 'application/json', ...more }
        const body = JSON.stringify({ name: 'ada', password: 'correct horse' })
        const login = await fetch('/api/login', { method: 'POST', headers, body })
        const refresh = await fetch('/auth/session/refresh', { method: 'POST' })
        const me = await fetch('/api/me')
        const signOut = await fetch('/auth/signout', { method: 'POST' })
        const after = await fetch('/api/me')
        const statuses = [login, refresh, me, signOut, after].map(({ status }) => status)
        return { statuses, me: await me.json() }
      }, headers)
      t.same(answers, { statuses: [200, 200, 200, 200, 401], me: { id: 7, theme: 'dark' } }, host)
      await context?.close()
    }
  }
)

void t.test(
  "the browser SDK repeats what is answered by the app's own 401, or leaves it to the app",
  { skip },
  async (t) => {
    const stdin = {
      contents: `import SuperTokens from 'supertokens-website'
      Object.assign(window, { SuperTokens })`,
      resolveDir: process.cwd()
    }
    const { outputFiles } = await build({ stdin, bundle: true, write: false, format: 'iife' })
    const content = String(outputFiles[0]?.text)
    const callOwn = async (statusOfSessions: number) => {
      const app = await buildExistingApp(async () => ({ id: 7 }), {
        sessionExpiredStatusCode: statusOfSessions
      })
      t.teardown(() => app.close())
      let calls = 0
      app.get('/api/own', async (_request, reply) => {
        calls += 1
        return reply.code(401).send({ own: true })
      })
      app.get('/page', async (_request, reply) => reply.type('text/html').send('<title>a</title>'))
      const origin = await app.listen({ port: 0, host: '127.0.0.1' })
      const context = await browser?.newContext()
      const page = await context?.newPage()
      await page?.goto(`${origin}/page`)
      await page?.addScriptTag({ content })
      const answer = await page?.evaluate(`(async () => {
        SuperTokens.init({
          apiDomain: location.origin,
          apiBasePath: '/auth',
          sessionExpiredStatusCode: ${statusOfSessions}
        })
        const headers = { 'content-type': 'application/json' }
        const body = JSON.stringify({ name: 'ada', password: 'correct horse' })
        await fetch('/api/login', { method: 'POST', headers, body })
        return fetch('/api/own').then(({ status }) => status, () => 'rejected')
      })()`)
      await context?.close()
      return { answer, calls }
    }
    t.same(await callOwn(401), { answer: 'rejected', calls: 11 })
    t.same(await callOwn(440), { answer: 401, calls: 1 })
  }
)
