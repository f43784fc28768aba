import { test } from 'tap'
import { injectAs, TestClock } from '../../lib/testing/index.ts'
import { buildApp } from './testing-app.ts'

test('after an hour the client is to refresh', async (t) => {
  const clock = new TestClock()
  const app = await buildApp({ clock: clock.read, signingAlgorithm: 'EdDSA' })
  t.teardown(() => app.close())

  const inject = await injectAs(app, 'ada', { payload: { plan: 'pro' } })
  t.same((await inject('/plan')).json(), { plan: 'pro' })
  clock.advance(3600)
  t.same((await inject('/plan')).json(), { message: 'try refresh token' })
})
