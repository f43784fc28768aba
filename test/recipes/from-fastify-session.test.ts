import { test } from 'tap'
import { buildApp } from '../../examples/recipes/from-fastify-session.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/from-fastify-session.md')
})

test('a session of before becomes a new one, once', async (t) => {
  const app = await buildApp('thirty-two characters are needed', FAST_KEYS)
  t.teardown(() => app.close())
  t.equal((await app.inject('/me')).statusCode, 401)

  const payload = { userId: 'ada' }
  const before = await app.inject({ method: 'POST', url: '/former-login', payload })
  const former = Object.fromEntries(before.cookies.map(({ name, value }) => [name, value]))
  const first = await app.inject({ url: '/me', cookies: former })
  t.equal(first.body, 'ada')
  const tokens = Object.fromEntries(first.cookies.map(({ name, value }) => [name, value]))
  t.equal((await app.inject({ url: '/me', cookies: tokens })).body, 'ada')
  t.equal((await app.inject({ url: '/me', cookies: former })).statusCode, 401)
  t.equal((await app.sessions.list('ada')).length, 1)
})

test('a cookie that was planted before the login of before is worth nothing after it', async (t) => {
  const app = await buildApp('thirty-two characters are needed', FAST_KEYS)
  t.teardown(() => app.close())
  const logIn = (userId: unknown, cookies = {}) =>
    app.inject({ method: 'POST', url: '/former-login', payload: { userId }, cookies })
  const [own] = (await logIn('mallory')).cookies
  const planted = { [String(own?.name)]: String(own?.value) }
  t.equal((await logIn('ada', planted)).statusCode, 200)
  t.equal((await app.inject({ url: '/me', cookies: planted })).statusCode, 401)
  for (const userId of [undefined, {}, '', 'a'.repeat(101)])
    t.equal((await logIn(userId)).statusCode, 422)
})

test('the cookie of before is SameSite=Lax over https, too', async (t) => {
  const app = await buildApp('thirty-two characters are needed', FAST_KEYS)
  t.teardown(() => app.close())
  app.addHook('onRequest', async ({ raw }) => void Object.assign(raw.socket, { encrypted: true }))
  const payload = { userId: 'ada' }
  const { cookies } = await app.inject({ method: 'POST', url: '/former-login', payload })
  t.match(cookies, [{ name: 'sessionId', secure: true, sameSite: 'Lax' }])
})
