import { test } from 'tap'
import { buildBilling, buildNotes } from '../../examples/second-service.ts'
import { Client } from '../builders/client.ts'

test('a second service believes access tokens that it verifies with the JWKS URL', async (t) => {
  const notes = await buildNotes()
  t.teardown(() => notes.close())
  const origin = await notes.listen({ host: '127.0.0.1', port: 0 })
  const billing = await buildBilling(new URL('/auth/jwt/jwks.json', origin))
  t.teardown(() => billing.close())

  const client = new Client(notes, 'header')
  await client.login('ada')
  // Before the keys are read: the key that signs it is made now.
  const issuedForOthers = await notes.sessions.createJWT({ sub: 'ada' })
  const invoices = (token: string | undefined) =>
    billing.inject({ url: '/invoices', headers: { authorization: `Bearer ${token}` } })
  t.same((await invoices(client.accessToken)).json(), { userId: 'ada', plan: 'pro' })

  t.equal((await billing.inject('/invoices')).statusCode, 401)
  t.equal((await invoices(`${client.accessToken}x`)).statusCode, 401)
  t.equal((await invoices(issuedForOthers)).statusCode, 401)
})
