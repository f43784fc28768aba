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
