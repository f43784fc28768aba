import Fastify from 'fastify'
import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/own-error-handler.ts'
import supersession from '../../lib/index.ts'
import { injectAs } from '../../lib/testing/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
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

/** An app whose own handler of errors is set in the scope of the plugin. */
async function withSetErrorHandler(t: Test, when: 'before' | 'after', throwsOn: boolean) {
  const app = Fastify()
  t.teardown(() => app.close())
  const set = () =>
    app.setErrorHandler((error, _request, reply) => {
      if (throwsOn) throw error
      return reply.code(418).send({ own: true })
    })
  if (when === 'before') set()
  await app.register(supersession, FAST_KEYS)
  if (when === 'after') set()
  addRoutes(app)
  const client = new Client(app, 'cookie')
  await client.login()
  await app.sessions.revokeAll('ada')
  const { statusCode, cookies } = await client.get('/me')
  return { statusCode, cleared: cookies.length }
}

test('setErrorHandler in the scope of the plugin does what the page says', async (t) => {
  const byPlugin = { statusCode: 401, cleared: 2 }
  t.same(await withSetErrorHandler(t, 'before', false), byPlugin, 'it has no effect before')
  t.same(await withSetErrorHandler(t, 'after', true), byPlugin, 'it can throw on after')
  const own = { statusCode: 418, cleared: 0 }
  t.same(await withSetErrorHandler(t, 'after', false), own, 'cookies stay where it answers')
})
