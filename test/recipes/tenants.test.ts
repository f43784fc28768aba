import { test } from 'tap'
import { buildApp } from '../../examples/recipes/tenants.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { refuseBadLogins } from '../builders/bad-logins.ts'
import { Client } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/tenants.md')
})

test('a session is of one tenant, and of no other', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  const [red, blue] = [new Client(app, 'cookie'), new Client(app, 'cookie')]
  await red.post('/t/red/login', { userId: 'ada' })
  await blue.post('/t/blue/login', { userId: 'ada' })
  t.same((await red.get('/t/red/me')).json(), { tenant: 'red', userId: 'ada' })
  t.equal((await red.get('/t/blue/me')).statusCode, 403)
  t.same((await red.post('/t/red/logout-everywhere')).json(), { ended: 1 })
  t.equal((await red.get('/t/red/me')).statusCode, 401)
  t.same((await blue.get('/t/blue/me')).json(), { tenant: 'blue', userId: 'ada' })
})

test('a login without a user of any use is 422', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  await refuseBadLogins(t, app, '/t/red/login')
})

test('who is no tenant is not found, whatever the name', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  const payload = { userId: 'ada' }
  const names = ['green', 'RED', 'constructor', '__proto__', 'a_b', '%00', '', 'x'.repeat(65)]
  for (const name of names) {
    const login = await app.inject({ method: 'POST', url: `/t/${name}/login`, payload })
    t.equal(login.statusCode, 404, name)
    t.equal((await app.inject(`/t/${name}/me`)).statusCode, 404, 'without a session')
  }
})
