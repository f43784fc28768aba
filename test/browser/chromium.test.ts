import { test } from 'tap'
import { launchChromium } from './chromium.ts'

test('where there is no Chromium, its tests are skipped with a reason', async (t) => {
  const { browser, skip } = await launchChromium(t, { PATH: '/nowhere' })
  t.equal(browser, null)
  t.match(skip, /^THE BROWSER TESTS DO NOT RUN: none of chromium, .* is on PATH$/)
})

test('where there is no Chromium in CI, that is a failure', async (t) => {
  await t.rejects(launchChromium(t, { PATH: '/nowhere', CI: 'true' }), /is on PATH/)
})
