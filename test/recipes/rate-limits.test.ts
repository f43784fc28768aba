import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/rate-limits.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/rate-limits.md')
})

async function openApp(t: Test) {
  const app = await buildApp(async ({ password }) => password === 'right', FAST_KEYS)
  t.teardown(() => app.close())
  return app
}

test('who guesses the password of a user is slowed down, and others are not', async (t) => {
  const client = new Client(await openApp(t), 'header')
  const statusOf = async (name: string, password: string) =>
    (await client.post('/login', { name, password })).statusCode
  for (let count = 0; count < 5; count++) t.equal(await statusOf('ada', 'wrong'), 403)
  t.equal(await statusOf('ada', 'right'), 429)
  t.equal(await statusOf('bob', 'right'), 200)
  const asList = await client.post('/login', { name: ['ada'], password: 'wrong' })
  t.equal(asList.statusCode, 429, 'a list is read as the text in it, and not as a key of its own')
  t.equal((await client.post('/login', { password: 'wrong' })).statusCode, 422)
})

test('a name in another form is counted as the same, or refused', async (t) => {
  const app = await openApp(t)
  const client = new Client(app, 'header')
  const statusOf = async (name: string) =>
    (await client.post('/login', { name, password: 'right' })).statusCode
  for (const name of ['ada', 'Ada', 'ADA', 'aDa', 'adA']) t.equal(await statusOf(name), 200)
  t.equal(await statusOf('AdA'), 429)
  t.equal((await app.sessions.list('ada')).length, 1, 'and is the same user')
  for (const name of ['ada ', ' ada', 'ad\u0430', 'ada\u0301', 'ada\0', '\ud800', 'a'.repeat(101)])
    t.equal(await statusOf(name), 422, JSON.stringify(name))
})

test('who tries many names is slowed down, too, and others are not', async (t) => {
  const app = await openApp(t)
  const statusOf = async (name: string, remoteAddress: string) => {
    const payload = { name, password: 'wrong' }
    return (await app.inject({ method: 'POST', url: '/login', payload, remoteAddress })).statusCode
  }
  const statuses: number[] = []
  for (let count = 0; count < 101; count++)
    statuses.push(await statusOf(`name-${count}`, '192.0.2.1'))
  t.same([statuses[0], statuses.at(-2), statuses.at(-1)], [403, 403, 429])
  t.equal(await statusOf('name-0', '192.0.2.2'), 403)
})

test('many names from many addresses do not make a counter forgotten', async (t) => {
  const app = await openApp(t)
  const statusOf = async (name: string, address: number) => {
    const payload = { name, password: 'wrong' }
    const remoteAddress = `192.0.2.${address}`
    return (await app.inject({ method: 'POST', url: '/login', payload, remoteAddress })).statusCode
  }
  for (let count = 0; count < 5; count++) await statusOf('ada', 0)
  for (let count = 0; count < 5001; count++) {
    const status = await statusOf(`name-${count}`, 1 + Math.floor(count / 100))
    if (status !== 403) t.fail(`${status} for name ${count}`)
  }
  t.equal(await statusOf('ada', 0), 429)
})

test('refreshes have a limit, and a client that met it keeps its session', async (t) => {
  const client = new Client(await openApp(t), 'cookie')
  await client.post('/login', { name: 'ada', password: 'right' })
  const statuses = new Set<number>()
  for (let count = 0; count < 60; count++) statuses.add((await client.refresh()).statusCode)
  t.same([...statuses], [200])
  const limited = await client.refresh()
  t.equal(limited.statusCode, 429)
  t.equal(limited.cookies.length, 0)
  t.ok(limited.headers['retry-after'])
})

test('the refresh route of tenants has a limit, too', async (t) => {
  const app = await openApp(t)
  const statuses: number[] = []
  for (let count = 0; count < 61; count++) {
    const url = `/auth/tenant-${count}/session/refresh`
    statuses.push((await app.inject({ method: 'POST', url })).statusCode)
  }
  t.same([statuses[0], statuses.at(-1)], [401, 429])
})
