import type { FastifyInstance } from 'fastify'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import type { Test } from 'tap'
import { buildDemo } from '../../examples/demo/app.ts'
import type { TransferMethod } from '../../lib/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { freePort } from '../builders/free-port.ts'

/** Milliseconds. Only a hang takes this long, even on a busy machine. */
export const PATIENCE = 120_000

/**
 * Seconds. Longer than any test takes, so that tokens expire only where the test moves the time. The
 * browser measures the lives of cookies in real time.
 */
export const LIVES = {
  accessTokenValidity: 300,
  refreshTokenValidity: 3600,
  refreshGracePeriod: 60
}

/* c8 ignore start: this does not run where there is no browser */

/** The page of the demo in a browser context of its own. The test moves the time. */
export class DemoPage {
  readonly app: FastifyInstance
  readonly context: BrowserContext
  readonly page: Page
  readonly errors: Error[] = []
  readonly #passTime: (seconds: number) => void

  private constructor(
    app: FastifyInstance,
    context: BrowserContext,
    page: Page,
    passTime: (seconds: number) => void
  ) {
    this.app = app
    this.context = context
    this.page = page
    this.#passTime = passTime
    page.on('pageerror', (error) => this.errors.push(error))
  }

  /**
   * The server's clock starts at the real time, because a browser accepts no expired cookie. It
   * stands still until the test moves it.
   */
  static async open(t: Test, browser: Browser): Promise<DemoPage> {
    let nowMs = Date.now()
    // A proof of a key names the URL, so that the server has to know its own.
    const port = await freePort()
    const origin = `http://localhost:${port}`
    const app = await buildDemo({
      clock: () => nowMs,
      ...LIVES,
      session: { ...FAST_KEYS, appInfo: { apiDomain: origin } }
    })
    t.teardown(() => app.close())
    await app.listen({ port, host: 'localhost' })
    // The rings move all the time, which would keep a small machine busy for each page that is open.
    const context = await browser.newContext({ reducedMotion: 'reduce' })
    t.teardown(() => context.close())
    context.setDefaultTimeout(PATIENCE)
    const page = await context.newPage()
    await page.clock.install()
    const demo = new DemoPage(app, context, page, (seconds) => {
      nowMs += seconds * 1000
    })
    await page.goto(origin)
    await demo.button('Sign in').waitFor()
    return demo
  }

  /** Moves the time of the server and of the browser. */
  async passTime(seconds: number): Promise<void> {
    this.#passTime(seconds)
    await this.page.clock.fastForward(seconds * 1000)
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true })
  }

  async click(name: string): Promise<void> {
    await this.button(name).click()
  }

  async signIn(userName: string, method: TransferMethod): Promise<void> {
    await this.page.getByLabel('User name').fill(userName)
    await this.page.locator(`input[name=transfer][value=${method}]`).check()
    await this.click('Sign in')
    await this.see(`Hello, ${userName}`)
    await this.sessions().first().waitFor()
  }

  /** Waits until a text can be seen. */
  async see(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor()
  }

  /** Waits until the page shows that nobody is signed in. */
  async seeSignedOut(): Promise<void> {
    await this.button('Sign in').waitFor()
  }

  sessions(): Locator {
    return this.page.locator('#sessions li')
  }

  async seeSessions(count: number): Promise<void> {
    await this.page.locator(`#sessions:has(> li:nth-child(${count}):last-child)`).waitFor()
  }

  async seeRing(name: 'access' | 'session', state: 'alive' | 'over'): Promise<void> {
    await this.page.locator(`#${name}-ring[data-state=${state}]`).waitFor()
  }

  /** Empties the timeline, so that it shows only what comes next. */
  async clearTimeline(): Promise<void> {
    await this.click('Clear')
  }

  /** Waits until the timeline shows a thing, by its badge and its name. */
  async seeInTimeline(badge: string, what: string): Promise<void> {
    await this.page
      .locator('#log li', { has: this.page.locator('.chip', { hasText: badge }), hasText: what })
      .first()
      .waitFor()
  }

  /** Badge and name of each request and each SDK event in the timeline. */
  async timeline(): Promise<string[]> {
    const entries = await this.page.locator('#log li:not([data-kind=note])').all()
    const texts = entries.map(async (entry) => {
      const [badge, what] = await Promise.all([
        entry.locator('.chip').textContent(),
        entry.locator('.what').textContent()
      ])
      return `${badge} ${what}`
    })
    return (await Promise.all(texts)).reverse()
  }

  async cookieNames(): Promise<string[]> {
    const cookies = await this.context.cookies()
    return cookies.map(({ name }) => name)
  }
}
