import { setTimeout as wait } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchChromium } from './chromium.ts'
import { DemoPage, LIVES, PATIENCE } from './demo-page.ts'

const { browser, skip } = await launchChromium(t)

/** A test with the demo's page open in a browser that knows of no session. */
function withPage(name: string, run: (demo: DemoPage, t: Test) => Promise<void>): void {
  void t.test(name, { skip, timeout: PATIENCE }, async (t) => {
    const demo = await DemoPage.open(t, browser as Browser)
    await run(demo, t)
    t.same(demo.errors, [], 'no script failed')
  })
}

for (const method of ['cookie', 'header'] as const) {
  withPage(`by ${method}, the SDK carries a session from sign-in to sign-out`, async (demo, t) => {
    t.same(await demo.timeline(), ['401 POST /auth/session/refresh'], 'the SDK asks once')
    await demo.signIn('ada', method)
    await demo.see(`Tokens in ${method}s`)
    await demo.seeRing('access', 'alive')
    await demo.seeRing('session', 'alive')
    const cookies = await demo.cookieNames()
    t.equal(cookies.includes('sAccessToken'), method === 'cookie')
    t.equal(cookies.includes('st-access-token'), method === 'header')

    await demo.click('Call')
    await demo.see('200 Hello ada')

    await demo.click('Sign out')
    await demo.seeSignedOut()
    await demo.see('You are signed out.')
    await demo.seeInTimeline('SDK', 'SIGN_OUT')
    t.same(await demo.app.sessions.list('ada'), [])
    const left = await demo.cookieNames()
    t.notOk(left.includes('sAccessToken') || left.includes('st-access-token'))

    await demo.page.reload()
    await demo.seeSignedOut()
  })

  withPage(
    `by ${method}, the SDK refreshes behind the call that finds a token expired`,
    async (demo, t) => {
      await demo.signIn('ada', method)
      await demo.clearTimeline()
      await demo.passTime(LIVES.accessTokenValidity)
      await demo.seeRing('access', 'over')
      await demo.see('The access token has expired')

      await demo.click('Call')
      await demo.see('200 Hello ada')
      await demo.seeRing('access', 'alive')
      await demo.seeInTimeline('200', 'GET /api/sessions')
      t.same(await demo.timeline(), [
        '401 GET /api/hello',
        '200 POST /auth/session/refresh',
        'SDK ACCESS_TOKEN_PAYLOAD_UPDATED',
        'SDK REFRESH_SESSION',
        '200 GET /api/hello',
        'SDK ACCESS_TOKEN_PAYLOAD_UPDATED',
        '200 GET /api/sessions'
      ])
      await demo.click('Call')
      await demo.seeInTimeline('200', 'GET /api/hello')

      await demo.page.reload()
      await demo.see('Hello, ada')
    }
  )

  withPage(`by ${method}, a failed claim check says why and costs no session`, async (demo) => {
    await demo.signIn('ada', method)
    await demo.click('Open the administrators’ page')
    await demo.see('403 invalid claim')
    await demo.see('"expectedValue": "admin", "actualValue": "reader"')
    await demo.seeInTimeline('SDK', 'API_INVALID_CLAIM')

    await demo.click('Become an administrator')
    await demo.see('200 You are now: admin.')
    await demo.seeInTimeline('SDK', 'ACCESS_TOKEN_PAYLOAD_UPDATED')
    await demo.button('Become a reader').waitFor()
    await demo.click('Open the administrators’ page')
    await demo.see('200 Come in, ada.')
  })

  withPage(
    `by ${method}, a stolen refresh token ends the session when it is replayed`,
    async (demo, t) => {
      await demo.signIn('ada', method)
      await demo.click('Replay the stolen token')
      await demo.see(/The grace period for late requests ends in \d+ s/)
      t.equal((await demo.app.sessions.list('ada')).length, 1)

      await demo.passTime(LIVES.refreshGracePeriod)
      await demo.see(/^Theft alarm: .*“token theft detected”/)
      await demo.seeSignedOut()
      await demo.seeInTimeline('401', 'GET /api/sessions')
      await demo.seeInTimeline('SDK', 'UNAUTHORISED')
      t.same(await demo.app.sessions.list('ada'), [])
      t.notOk((await demo.cookieNames()).includes('sFrontToken'))

      await demo.signIn('ada', method)
      t.notOk(await demo.page.getByText('Theft alarm').isVisible(), 'a new session, a new start')
    }
  )

  withPage(`by ${method}, a user revokes another session and then this one`, async (demo, t) => {
    await demo.signIn('ada', method)
    await demo.click('Sign in on an imaginary phone')
    await demo.seeSessions(2)
    const phone = demo.sessions().filter({ hasText: 'Imaginary phone' })
    await phone.getByRole('button').click()
    await demo.see('A second server, which shares only the store, took the phone’s access token')
    await demo.see('Now it refuses it with the reason “revoked”.')
    await demo.seeSessions(1)
    t.equal((await demo.app.sessions.list('ada')).length, 1)

    await demo.sessions().filter({ hasText: 'this one' }).getByRole('button').click()
    await demo.seeSignedOut()
    await demo.seeInTimeline('SDK', 'SIGN_OUT')
    t.same(await demo.app.sessions.list('ada'), [])
  })

  withPage(`by ${method}, a session that nobody refreshed is over`, async (demo) => {
    await demo.signIn('ada', method)
    await demo.passTime(LIVES.refreshTokenValidity)
    await demo.seeRing('session', 'over')
    await demo.click('Call')
    await demo.seeSignedOut()
    await demo.see('Your session is over')
    await demo.seeInTimeline('401', 'POST /auth/session/refresh')
    await demo.seeInTimeline('SDK', 'UNAUTHORISED')
  })
}

withPage('a thief with all tokens of a bound session lacks its key', async (demo, t) => {
  await demo.signIn('ada', 'cookie')
  await demo.click('Copy all tokens and use them')
  await demo.page.locator('#bound-refresh[data-good]').waitFor()
  const cells = ['copied-call', 'copied-refresh', 'bound-call', 'bound-refresh']
  const statuses = cells.map((id) => demo.page.locator(`#${id}`).textContent())
  t.same(await Promise.all(statuses), ['401', '401', '200', '200'], 'the owner goes on')
  await demo.seeSessions(2)
  await demo.click('Call')
  await demo.see('200 Hello ada')

  await demo.click('Sign out')
  await demo.seeSignedOut()
  await demo.signIn('ada', 'cookie')
  t.equal(await demo.page.locator('#bound-refresh').textContent(), '', 'a new start')
})

withPage('on a phone a click shows what it causes, and no name is cut', async (demo, t) => {
  const size = { width: 390, height: 844 }
  await demo.page.setViewportSize(size)
  const signIn = await demo.button('Sign in').boundingBox()
  t.ok(signIn !== null && signIn.y + signIn.height <= size.height, 'the first thing to press')
  const name = 'A name of thirty characters ab'
  await demo.signIn(name, 'header')
  for (const button of ['Call', 'Open the administrators’ page', 'Copy all tokens and use them']) {
    await demo.clearTimeline()
    await demo.click(button)
    // Asked for until it is so, since an entry moves while it arrives. Playwright's own wait would run
    // text as code, which the page's policy forbids.
    const isInView = () =>
      demo.page.evaluate(`(() => {
        const entry = document.querySelector('#log li')?.getBoundingClientRect()
        return entry !== undefined && entry.top >= 0 && entry.bottom <= window.innerHeight
      })()`)
    while (!(await isInView())) await wait(20)
    t.pass(button)
  }
  const cut = await demo.page.evaluate(`[...document.querySelectorAll('body *')]
    .filter((element) => ['hidden', 'clip'].includes(getComputedStyle(element).overflowX))
    .filter((element) => element.scrollWidth > element.clientWidth)
    .map((element) => element.id || element.className)`)
  t.same(cut, [])
  const width = await demo.page.evaluate('document.documentElement.scrollWidth')
  t.equal(width, size.width, 'nothing is wider than the screen')
})
