import { test } from 'tap'
import { buildApp } from '../../examples/recipes/own-error-handler.ts'
import { injectAs } from '../../lib/testing/index.ts'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/own-error-handler.md')
})

test('errors are answered by the handlers of the app, session errors by the plugin', async (t) => {
  const app = await buildApp()
  t.teardown(() => app.close())
  const missing = await app.inject('/items/5')
  t.equal(missing.statusCode, 404)
  t.same(missing.json(), { code: 'HTTP_404', text: 'no such item' })
  t.same((await app.inject('/nowhere')).json(), { code: 'HTTP_404', text: 'Not Found' })
  t.match((await app.inject('/broken')).json(), { code: 'INTERNAL', request: /^req-/ })
  const refused = await app.inject('/me')
  t.equal(refused.statusCode, 401)
  t.same(refused.json(), { message: 'unauthorised' })
})

test('what the handler of a scope throws goes on to the plugin', async (t) => {
  const app = await buildApp()
  t.teardown(() => app.close())
  const inject = await injectAs(app, 'ada')
  const ordered = await inject({ method: 'POST', url: '/orders' })
  t.equal(ordered.statusCode, 409)
  t.same(ordered.json(), { code: 'OUT_OF_STOCK' })
  const refused = await app.inject({ method: 'POST', url: '/orders' })
  t.equal(refused.statusCode, 401)
  t.same(refused.json(), { message: 'unauthorised' })
})
