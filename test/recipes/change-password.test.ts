import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import { buildApp } from '../../examples/recipes/change-password.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'
import { signal } from '../builders/signal.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/change-password.md')
})

/** Somebody with a session on two devices. */
async function onTwoDevices(app: FastifyInstance) {
  const [laptop, phone] = [new Client(app, 'cookie'), new Client(app, 'header')]
  await laptop.post('/signup', { name: 'ada', password: 'correct horse' })
  await phone.post('/login', { name: 'ada', password: 'correct horse' })
  return { laptop, phone }
}

test('a new password ends all sessions but the one that asked for it', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  const { laptop, phone } = await onTwoDevices(app)
  const change = (password: string) =>
    laptop.request({
      method: 'PUT',
      url: '/password',
      payload: { password, newPassword: 'battery staple' }
    })
  t.equal((await change('wrong')).statusCode, 403)
  t.equal((await phone.get('/me')).body, 'ada', 'a wrong password ends nothing')
  const copied = laptop.copy()
  t.same((await change('correct horse')).json(), { ended: 1 })
  t.equal((await laptop.get('/me')).body, 'ada')
  t.equal((await copied.get('/me')).statusCode, 401, 'a copy of its tokens is worth nothing')
  t.equal((await phone.get('/me')).statusCode, 401)
  const login = (password: string) => phone.post('/login', { name: 'ada', password })
  t.equal((await login('correct horse')).statusCode, 403)
  t.equal((await login('battery staple')).statusCode, 200)
  t.equal((await phone.get('/me')).body, 'ada')
})

test('a login with the former password that began before the change ends with it', async (t) => {
  const [checked, changed] = [signal(), signal()]
  const app = await buildApp({
    ...FAST_KEYS,
    override: {
      functions: (original) => ({
        ...original,
        async create(request, reply, session) {
          if (request.url === '/login') {
            checked.give()
            await changed.promise
          }
          return original.create(request, reply, session)
        }
      })
    }
  })
  t.teardown(() => app.close())
  const [laptop, phone] = [new Client(app, 'cookie'), new Client(app, 'header')]
  await laptop.post('/signup', { name: 'ada', password: 'correct horse' })
  const login = phone.post('/login', { name: 'ada', password: 'correct horse' })
  await checked.promise
  const payload = { password: 'correct horse', newPassword: 'battery staple' }
  const change = await laptop.request({ method: 'PUT', url: '/password', payload })
  t.equal(change.statusCode, 200)
  changed.give()
  t.equal((await login).statusCode, 403)
  t.equal((await phone.get('/me')).statusCode, 401)
  t.equal((await app.sessions.list('ada')).length, 1)
  t.equal((await laptop.get('/me')).body, 'ada')
})

test('of two changes at once one wins', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  const { laptop, phone } = await onTwoDevices(app)
  const change = (client: Client, newPassword: string) =>
    client.request({
      method: 'PUT',
      url: '/password',
      payload: { password: 'correct horse', newPassword }
    })
  const replies = await Promise.all([change(laptop, 'one'), change(phone, 'two')])
  t.same(replies.map(({ statusCode }) => statusCode).sort(), [200, 403])
  t.equal((await app.sessions.list('ada')).length, 1)
})

test('of two who sign up under one name at once one gets it', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  const signUp = (password: string) =>
    app.inject({ method: 'POST', url: '/signup', payload: { name: 'ada', password } })
  const replies = await Promise.all([signUp('one'), signUp('two')])
  t.same(replies.map(({ statusCode }) => statusCode).sort(), [200, 409])
  const payload = { name: 'ada' }
  t.equal((await app.inject({ method: 'POST', url: '/login', payload })).statusCode, 422)
})

test('names that are no id of a user are refused', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  for (const name of ['', '\0', '\ud800', '\u{1f600}'.repeat(200), 'a'.repeat(101)]) {
    const payload = { name, password: 'correct horse' }
    const reply = await app.inject({ method: 'POST', url: '/signup', payload })
    t.equal(reply.statusCode, 422, JSON.stringify(name))
  }
})

test('nobody signs up under a name that is taken, or logs in under one that is not', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  await onTwoDevices(app)
  const payload = { name: 'ada', password: 'another' }
  t.equal((await app.inject({ method: 'POST', url: '/signup', payload })).statusCode, 409)
  const unknown = { name: 'bob', password: 'another' }
  t.equal((await app.inject({ method: 'POST', url: '/login', payload: unknown })).statusCode, 403)
})

test('a log-out everywhere ends all sessions', async (t) => {
  const app = await buildApp(FAST_KEYS)
  t.teardown(() => app.close())
  const { laptop, phone } = await onTwoDevices(app)
  const reply = await laptop.post('/logout-everywhere')
  t.equal(reply.statusCode, 200)
  t.ok(
    reply.cookies.every(({ value }) => value === ''),
    'the cookies go at once'
  )
  t.equal((await phone.get('/me')).statusCode, 401)
  t.same(await app.sessions.list('ada'), [])
})
