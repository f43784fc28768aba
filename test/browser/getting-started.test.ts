import { readFile } from 'node:fs/promises'
import t from 'tap'
import { TestClock } from '../../lib/testing/index.ts'
import { buildApp } from '../builders/app.ts'
import { launchChromium } from './chromium.ts'

const { browser, skip } = await launchChromium(t)
const text = await readFile('docs/getting-started.md', 'utf8')
/** What the page gives to front ends without the SDK. */
const [, helper] = /```js\nexport (async function request.*?)```/s.exec(text) ?? []

void t.test('a front end without the SDK logs in and refreshes', { skip }, async (t) => {
  // The browser drops cookies that end before its own clock.
  const clock = new TestClock(Date.now())
  const { app } = await buildApp(t, { clock: clock.read })
  const script = `<script type="module">${helper}; window.request = request</script>`
  app.get('/page', async (_request, reply) => reply.type('text/html').send(script))
  app.get('/text', async (_request, reply) => reply.code(401).send('no JSON'))
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const context = await browser?.newContext()
  const page = await context?.newPage()
  await page?.goto(`${origin}/page`)
  const request = (url: string, body?: object) => {
    const headers = { 'content-type': 'application/json' }
    const options = body && { method: 'POST', headers, body: JSON.stringify(body) }
    const call = [url, options].map((argument) => JSON.stringify(argument)).join(', ')
    return page?.evaluate(`request(${call}).then(({ status }) => status)`)
  }
  t.equal(await request('/me'), 401)
  t.equal(await request('/login', { userId: 'ada' }), 200)
  t.equal(await request('/me'), 200)
  clock.advance(3601)
  t.equal(await request('/me'), 200, 'it was refreshed')
  t.equal(await request('/text'), 401, "an answer of the app's own comes through")
  const [session] = await app.sessions.devices('ada')
  t.ok(Number(session?.lastRefreshedAt) > Number(session?.createdAt))
  await context?.close()
})
