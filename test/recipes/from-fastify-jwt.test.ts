import { test } from 'tap'
import { buildApp } from '../../examples/recipes/from-fastify-jwt.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/from-fastify-jwt.md')
})

test('a token of before is exchanged for a session, and is none itself', async (t) => {
  const app = await buildApp('secret of before', FAST_KEYS)
  t.teardown(() => app.close())
  const authorization = `Bearer ${app.jwt.sign({ id: 'ada' })}`
  t.equal((await app.inject({ url: '/me', headers: { authorization } })).statusCode, 401)
  const client = new Client(app, 'cookie')
  const exchanged = await client.request({
    method: 'POST',
    url: '/exchange',
    headers: { authorization }
  })
  t.equal(exchanged.statusCode, 200)
  t.equal((await client.get('/me')).body, 'ada')
  const forged = { authorization: `${authorization}x` }
  t.equal((await app.inject({ method: 'POST', url: '/exchange', headers: forged })).statusCode, 401)
})

test('a token that names no user is exchanged for nothing', async (t) => {
  const app = await buildApp('secret of before', FAST_KEYS)
  t.teardown(() => app.close())
  for (const payload of [{ mail: 'ada@example.com' }, { id: 5 }, { id: null }, { id: '' }]) {
    const headers = { authorization: `Bearer ${app.jwt.sign(payload)}` }
    const reply = await app.inject({ method: 'POST', url: '/exchange', headers })
    t.equal(reply.statusCode, 401, JSON.stringify(payload))
    t.notOk(reply.headers['st-access-token'])
  }
})
