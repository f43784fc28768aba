import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import { test } from 'tap'
import { buildApp } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'

type Json = Record<string, unknown>

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const headerOf = (token: string): Json =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())

test('a forged or foreign access token is 401, without a stack and without a crash', async (t) => {
  const { app } = await buildApp(t, { signingAlgorithm: 'RS256' })
  const client = new Client(app, 'header')
  await client.login()
  const good = String(client.accessToken)
  const [head = '', body = '', signature = ''] = good.split('.')
  const header = headerOf(good)
  const payload = payloadOf(good)
  const kid = String(header['kid'])
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const sign = createSigner({
    key: pem,
    algorithm: 'RS256',
    kid,
    header: { alg: 'RS256', version: '5' } as { alg: string }
  })
  const { keys } = await app.sessions.jwks()
  const publicKey = createPublicKey({ key: { ...keys[0] }, format: 'jwk' })
  const spki = publicKey.export({ type: 'spki', format: 'pem' }) as string
  const hs256 = `${encode({ ...header, alg: 'HS256' })}.${body}`
  const hmac = createHmac('sha256', spki).update(hs256).digest('base64url')

  const tokens: Record<string, string> = {
    'signed with another key': sign(payload),
    'alg none': `${encode({ ...header, alg: 'none' })}.${body}.`,
    'alg none with a signature': `${encode({ ...header, alg: 'none' })}.${body}.${signature}`,
    'the public key as an HMAC secret': `${hs256}.${hmac}`,
    'an unknown kid': `${encode({ ...header, kid: 'd-1' })}.${body}.${signature}`,
    'a kid of no kind': `${encode({ ...header, kid: 'x' })}.${body}.${signature}`,
    'a kid that is no string': `${encode({ ...header, kid: 5 })}.${body}.${signature}`,
    'no kid': `${encode({ ...header, kid: undefined })}.${body}.${signature}`,
    '10 KB': `${head}.${encode({ ...payload, big: 'x'.repeat(10_000) })}.${signature}`,
    'a tampered payload': `${head}.${encode({ ...payload, sub: 'eve' })}.${signature}`,
    'the wrong typ': `${encode({ ...header, typ: 'at+jwt' })}.${body}.${signature}`,
    'no version': `${encode({ ...header, version: undefined })}.${body}.${signature}`,
    'a version that is a number': `${encode({ ...header, version: 5 })}.${body}.${signature}`,
    'stt 1': `${head}.${encode({ ...payload, stt: 1 })}.${signature}`,
    'an empty tenant': `${head}.${encode({ ...payload, tId: '' })}.${signature}`,
    'a missing claim': `${head}.${encode({ ...payload, rsub: undefined })}.${signature}`,
    'an exp that is no number': `${head}.${encode({ ...payload, exp: '9999999999' })}.${signature}`,
    'a payload that is a list': `${head}.${encode([])}.${signature}`,
    'a payload that is null': `${head}.${encode(null)}.${signature}`,
    'a payload that is not JSON': `${head}.AAAA.${signature}`,
    'a header that is not JSON': `AAAA.${body}.${signature}`,
    'a header that is null': `${encode(null)}.${body}.${signature}`,
    'a header that is a number': `${encode(5)}.${body}.${signature}`,
    'no signature': `${head}.${body}.`,
    'two parts': `${head}.${body}`,
    'four parts': `${good}.x`,
    'no parts': 'x',
    dots: '...'
  }
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
