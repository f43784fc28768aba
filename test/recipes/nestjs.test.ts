import { Logger } from '@nestjs/common'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/nestjs.ts'
import { refuseBadLogins } from '../builders/bad-logins.ts'
import { Client } from '../builders/client.ts'
import { checkPageCode } from '../builders/page-code.ts'

async function open(t: Test): Promise<FastifyInstance> {
  Logger.overrideLogger(false)
  const nest = await buildApp()
  t.teardown(() => nest.close())
  await nest.init()
  const app = nest.getHttpAdapter().getInstance()
  await app.ready()
  return app
}

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/nestjs.md')
})

test('a guard lets in who has a session', async (t) => {
  const app = await open(t)
  const client = new Client(app, 'cookie')
  t.equal((await client.get('/me')).statusCode, 401)
  t.equal((await client.login()).statusCode, 201)
  t.same((await client.get('/me')).json(), { userId: 'ada' })
  t.equal((await client.refresh()).statusCode, 200)
})

test('errors of sessions are answered by the plugin, and its cookies are cleared', async (t) => {
  const app = await open(t)
  const client = new Client(app, 'cookie')
  await client.login()
  await app.sessions.revokeAll('ada')
  for (const request of [() => client.get('/me'), () => client.refresh()]) {
    const reply = await request()
    t.equal(reply.statusCode, 401)
    t.same(reply.json(), { message: 'unauthorised' })
    t.equal(reply.headers['front-token'], 'remove')
  }
})

test('other errors of controllers are answered by Nest, those before them by the plugin', async (t) => {
  const app = await open(t)
  t.match((await app.inject('/nowhere')).json(), { error: 'Not Found', statusCode: 404 })
  const headers = { 'content-type': 'application/json' }
  const reply = await app.inject({ method: 'POST', url: '/login', headers, payload: '{' })
  t.equal(reply.statusCode, 422)
  t.match(reply.json(), { detail: [{ type: 'json_invalid' }] })
})

test('a login without a user of any use is 422', async (t) => {
  await refuseBadLogins(t, await open(t))
})
