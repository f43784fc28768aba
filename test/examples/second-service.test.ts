import Fastify from 'fastify'
import { test } from 'tap'
import { buildBilling } from '../../examples/second-service.ts'
import supersession from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { freePort } from '../builders/free-port.ts'

test('a second service accepts access tokens of the first, and nothing else', async (t) => {
  const port = await freePort()
  const apiDomain = `http://127.0.0.1:${port}`
  const notes = Fastify()
  t.teardown(() => notes.close())
  await notes.register(supersession, { ...FAST_KEYS, appInfo: { apiDomain } })
  addRoutes(notes)
  await notes.listen({ host: '127.0.0.1', port })
  const billing = await buildBilling(`${apiDomain}/auth`)
  t.teardown(() => billing.close())

  const client = new Client(notes, 'header')
  await client.login('ada', { accessTokenPayload: { plan: 'pro' } })
  const invoices = (token: string | undefined) =>
    billing.inject({ url: '/invoices', headers: { authorization: `Bearer ${token}` } })
  t.same((await invoices(client.accessToken)).json(), { userId: 'ada', plan: 'pro' })

  t.equal((await billing.inject('/invoices')).statusCode, 401)
  t.equal((await invoices(`${client.accessToken}x`)).statusCode, 401)
  const issuedForOthers = await notes.sessions.createJWT({ sub: 'ada' })
  t.equal((await invoices(issuedForOthers)).statusCode, 401)
})
