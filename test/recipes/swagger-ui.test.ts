import { test } from 'tap'
import { buildApp } from '../../examples/recipes/swagger-ui.ts'
import { injectAs } from '../../lib/testing/index.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/swagger-ui.md')
})

test('a route that has a lock needs a session', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  const document = (await app.inject('/docs/json')).json()
  t.same(document.paths['/me'].get.security, [{ sessionCookie: [] }, { sessionToken: [] }])
  t.equal(document.paths['/open'].get.security, undefined)
  t.equal((await app.inject('/open')).statusCode, 200)
  t.equal((await app.inject('/me')).statusCode, 401)
  const login = await app.inject({ method: 'POST', url: '/login' })
  const authorization = `Bearer ${login.headers['st-access-token']}`
  const me = await app.inject({ url: '/me', headers: { authorization } })
  t.same(me.json(), { user: 'ada' })
  const inject = await injectAs(app, 'grace')
  t.same((await inject({ method: 'POST', url: '/rename' })).json(), { renamed: 'grace' })
})
