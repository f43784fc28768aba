import type { Locator, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { buildApp } from '../../examples/recipes/swagger-ui.ts'
import type { SupersessionOptions } from '../../lib/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { launchChromium } from './chromium.ts'

async function startApp(t: Test, options: SupersessionOptions = {}): Promise<string> {
  const app = await buildApp({ ...FAST_KEYS, ...options })
  t.teardown(() => app.close())
  return app.listen({ port: 0 })
}

/** Opens an operation, sends its request, and answers what came once the page shows the status. */
async function execute(page: Page, path: string) {
  const block = operations(page).filter({ has: page.locator(`[data-path="${path}"]`) })
  if (!(await block.locator('.execute').isVisible())) {
    await block.locator('.opblock-summary-control').click()
    await block.locator('.try-out__btn').click()
  }
  const answered = page.waitForResponse((response) => response.url().endsWith(path))
  await block.locator('.execute').click()
  const response = await answered
  const status = response.status()
  const shown = block.locator('.live-responses-table .response .response-col_status')
  await shown.getByText(String(status)).waitFor()
  return { status, headers: await response.allHeaders(), body: await response.text() }
}

function operations(page: Page): Locator {
  return page.locator('.opblock')
}

const { browser, skip } = await launchChromium(t)

/** Opens Swagger UI. @returns The page, and the addresses elsewhere that it asked for. */
async function openDocs(t: Test, origin: string) {
  const context = await browser?.newContext()
  const page = await context?.newPage()
  if (context === undefined || page === undefined) throw new Error('there is no browser')
  t.teardown(() => context.close())
  const foreign: string[] = []
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(origin) && !url.startsWith('data:')) foreign.push(url)
  })
  await page.goto(`${origin}/docs`)
  await operations(page).first().waitFor()
  return { page, foreign }
}

void t.test('Swagger UI shows a lock where a session is verified', { skip }, async (t) => {
  const { page, foreign } = await openDocs(t, await startApp(t))
  const locked = operations(page).filter({ has: page.locator('.authorization__btn') })
  const paths = await locked.locator('.opblock-summary-path').allInnerTexts()
  t.same(paths.toSorted(), ['/me', '/rename'])
  t.same(foreign, [])
})

void t.test('its lock sends a header access token', { skip }, async (t) => {
  const app = await startApp(t, { getTokenTransferMethod: () => 'header' })
  const { page, foreign } = await openDocs(t, app)
  t.equal((await execute(page, '/open')).status, 200)
  t.equal((await execute(page, '/me')).status, 401)

  const { headers } = await execute(page, '/login')
  t.equal(headers['set-cookie'], undefined)
  await page.locator('.auth-wrapper .authorize').click()
  const scheme = page.locator('.auth-container', { hasText: 'sessionToken' })
  await scheme.locator('input').fill(String(headers['st-access-token']))
  await scheme.locator('.authorize').click()
  await page.locator('.close-modal').click()

  t.match(await execute(page, '/me'), { status: 200, body: '{"user":"ada"}' })
  t.match(await execute(page, '/rename'), { status: 200, body: '{"renamed":"ada"}' })
  t.same(foreign, [])
})

void t.test(
  'where tokens travel in cookies, a login on the page is enough',
  { skip },
  async (t) => {
    const { page, foreign } = await openDocs(t, await startApp(t))
    t.equal((await execute(page, '/me')).status, 401)
    t.equal((await execute(page, '/login')).status, 200)
    t.match(await execute(page, '/me'), { status: 200, body: '{"user":"ada"}' })
    t.match(await execute(page, '/rename'), { status: 200, body: '{"renamed":"ada"}' })
    t.same(foreign, [])
  }
)
