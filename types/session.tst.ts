import Fastify from 'fastify'
import { expect, test } from 'tstyche'
import supersession, {
  type AccessTokenPayload,
  memoryStore,
  type Session,
  type SessionStore,
  type SupersessionOptions
} from '../lib/index.ts'

const app = Fastify()

test('the plugin takes its options and no others', () => {
  expect(app.register).type.toBeCallableWith(supersession, {})
  expect<SupersessionOptions>().type.toBeAssignableFrom({ accessTokenValidity: '15m' })
  expect<SupersessionOptions>().type.toBeAssignableFrom({ exceptionHandlers: [] })
  expect<SupersessionOptions>().type.toBeAssignableFrom({ secret: process.env['SESSION_SECRET'] })
  expect<SupersessionOptions>().type.not.toBeAssignableFrom({ antiCsrf: 'via_token' })
  expect<SupersessionOptions>().type.not.toBeAssignableFrom({ accessTokenValidty: 5 })
  expect<SupersessionOptions>().type.not.toBeAssignableFrom({ clearTokens: () => {} })
})

test('the hook fits every phase, and the request has its session', () => {
  const hook = app.verifySession({ checkDatabase: true })
  app.get(
    '/',
    { onRequest: hook, preParsing: hook, preValidation: hook, preHandler: hook },
    async (request) => {
      expect(request.session).type.toBe<Session>()
      expect(request.session.userId).type.toBe<string>()
      expect(request.session.payload).type.toBe<AccessTokenPayload>()
      expect(request.session.payload['other']).type.toBe<unknown>()
    }
  )
  app.addHook('onRequest', hook)
  expect(app.verifySession).type.not.toBeCallableWith({ required: true })
})

test('what is optional may be null', () => {
  app.get('/', async (request, reply) => {
    expect(await request.verifySession()).type.toBe<Session>()
    expect(await request.verifySession({ sessionRequired: false })).type.toBe<Session | null>()
    expect(await app.sessions.get(request, reply)).type.toBe<Session>()
    expect(
      await app.sessions.get(request, reply, { sessionRequired: false })
    ).type.toBe<Session | null>()
    expect((await app.sessions.verify('')).session).type.toBe<Session>()
  })
})

test('the memory store is a store', () => {
  expect(memoryStore()).type.toBe<SessionStore>()
})
