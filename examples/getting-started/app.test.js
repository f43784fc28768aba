import assert from 'node:assert/strict'
import { test } from 'node:test'
import { injectAs } from 'fastify-supersession/testing'
import { buildApp } from './app.js'

test('a user sees who they are, others are asked to log in', async (t) => {
  const app = await buildApp()
  t.after(() => app.close())
  const asAda = await injectAs(app, 'ada')
  assert.deepEqual((await asAda('/me')).json(), { name: 'ada' })
  assert.equal((await app.inject('/me')).statusCode, 401)
})

test('a wrong password is refused', async (t) => {
  const app = await buildApp()
  t.after(() => app.close())
  const post = (url, password) =>
    app.inject({ method: 'POST', url, payload: { name: 'ada', password } })
  assert.equal((await post('/signup', 'correct horse')).statusCode, 201)
  assert.equal((await post('/login', 'battery staple')).statusCode, 403)
  assert.equal((await post('/login', 'correct horse')).statusCode, 200)
})
