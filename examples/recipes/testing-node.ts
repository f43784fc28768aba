import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { injectAs, TestClock } from '../../lib/testing/index.ts'
import { buildApp } from './testing-app.ts'

const clock = new TestClock()
// EdDSA: its keys are made in a tenth of a millisecond, those of RS256 in a tenth of a second.
const app = await buildApp({ clock: clock.read, signingAlgorithm: 'EdDSA' })
before(() => app.ready())
after(() => app.close())

test('who is logged in sees the plan', async () => {
  const inject = await injectAs(app, 'ada', { payload: { plan: 'pro' } })
  const reply = await inject('/plan')
  assert.deepEqual(reply.json(), { plan: 'pro' })
})

test('nobody else does', async () => {
  const reply = await app.inject('/plan')
  assert.equal(reply.statusCode, 401)
})

test('after an hour the client is to refresh', async () => {
  const inject = await injectAs(app, 'ada')
  clock.advance(3600)
  const reply = await inject('/plan')
  assert.deepEqual(reply.json(), { message: 'try refresh token' })
})
