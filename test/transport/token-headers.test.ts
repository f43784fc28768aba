import Fastify, { type FastifyRequest } from 'fastify'
import { test } from 'tap'
import { memoryStore } from '../../lib/index.ts'
import {
  encodeFrontToken,
  readBearerToken,
  readHeader,
  setExposedHeader
} from '../../lib/transport/token-headers.ts'
import { buildApp } from '../builders/app.ts'

const requestWith = (headers: Record<string, unknown>) => ({ headers }) as unknown as FastifyRequest

test('a Bearer token is trimmed, and its scheme has no case', (t) => {
  const read = (authorization?: string) => readBearerToken(requestWith({ authorization }))
  t.equal(read('Bearer  abc '), 'abc')
  t.equal(read('bearer abc'), 'abc')
  t.equal(read('BEARER abc'), 'abc')
  for (const other of [undefined, '', 'Bearer', 'bearerabc', 'Bearer ', 'Basic abc', 'Bearerabc'])
    t.equal(read(other), undefined, String(other))
  t.end()
})

test('a header that came twice or empty is none', (t) => {
  t.equal(readHeader(requestWith({ a: 'x' }), 'a'), 'x')
  for (const a of [undefined, '', ['x', 'y']])
    t.equal(readHeader(requestWith({ a }), 'a'), undefined)
  t.end()
})

test('exposed headers are appended once to what was there', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/', async (_request, reply) => {
    reply.header('access-control-expose-headers', 'X-Own, Front-Token')
    setExposedHeader(reply, 'front-token', 'a')
    setExposedHeader(reply, 'anti-csrf', 'b')
    setExposedHeader(reply, 'anti-csrf', 'c')
    return {}
  })
  const { headers } = await app.inject('/')
  t.equal(headers['access-control-expose-headers'], 'X-Own, Front-Token, anti-csrf')
  t.match(headers, { 'front-token': 'a', 'anti-csrf': 'c' })
})

test('the front token is user, expiry in milliseconds and the whole payload, as base64 JSON', async (t) => {
  const { app } = await buildApp(t, { store: memoryStore() })
  const accessTokenPayload = { name: 'Zoë 🦄' }
  const { session, frontToken } = await app.sessions.issue({ userId: 'ada', accessTokenPayload })
  const { payload } = session
  t.equal(frontToken, encodeFrontToken(payload))
  t.same(JSON.parse(Buffer.from(frontToken, 'base64').toString('utf8')), {
    uid: 'ada',
    ate: payload.exp * 1000,
    up: payload
  })
})
