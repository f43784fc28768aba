import { test } from 'tap'
import { buildApp } from '../../examples/recipes/step-up.ts'
import { injectAs, TestClock } from '../../lib/testing/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/step-up.md')
})

test('a dangerous action needs the password, for five minutes', async (t) => {
  const clock = new TestClock()
  const app = await buildApp(async (_userId, password) => password === 'right', {
    ...FAST_KEYS,
    clock: clock.read
  })
  t.teardown(() => app.close())
  const inject = await injectAs(app, 'ada')
  const remove = () => inject({ method: 'DELETE', url: '/account' })
  const confirm = (password: string) =>
    inject({ method: 'POST', url: '/confirm', payload: { password } })

  const refused = await remove()
  t.equal(refused.statusCode, 403)
  t.match(refused.json(), { claimValidationErrors: [{ id: 'confirmed' }] })
  t.equal((await confirm('wrong')).statusCode, 403)
  t.equal((await remove()).statusCode, 403)
  t.equal((await confirm('right')).statusCode, 200)
  t.same((await remove()).json(), { deleted: 'ada' })
  clock.advance(299)
  t.equal((await remove()).statusCode, 200)
  clock.advance(2)
  t.equal((await remove()).statusCode, 403)
})

test('a confirmation without a password, or with an endless one, is refused', async (t) => {
  const app = await buildApp(async () => true, FAST_KEYS)
  t.teardown(() => app.close())
  const inject = await injectAs(app, 'ada')
  for (const payload of [undefined, {}, { password: {} }, { password: 'a'.repeat(201) }]) {
    const reply = await inject({ method: 'POST', url: '/confirm', ...(payload && { payload }) })
    t.equal(reply.statusCode, 422)
  }
})
