import { test } from 'tap'
import { buildApp } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'
import { forgedTokens } from '../builders/forged-tokens.ts'

test('a forged or foreign access token is 401, without a stack and without a crash', async (t) => {
  const { app } = await buildApp(t, { signingAlgorithm: 'RS256' })
  const client = new Client(app, 'header')
  await client.login()
  const { keys } = await app.sessions.jwks()
  const [jwk] = keys
  t.ok(jwk)
  if (jwk === undefined) return
  const tokens = forgedTokens(String(client.accessToken), jwk)
  t.ok(Object.keys(tokens).length >= 100)
  for (const [name, token] of Object.entries(tokens)) {
    const reply = await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    t.equal(reply.statusCode, 401, name)
    t.match(reply.json().message, /^(unauthorised|try refresh token)$/, name)
    t.same(Object.keys(reply.json()), ['message'], name)
  }
  t.equal((await client.get('/me')).statusCode, 200, 'the real one is still good')
})

test('an app cannot mark its access tokens as tokens of another kind', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'header')
  await client.login('ada', { accessTokenPayload: { stt: 1 } })
  t.equal(payloadOf(client.accessToken)['stt'], undefined, 'stt cannot be set')
  t.equal((await client.get('/me')).statusCode, 200)
})
