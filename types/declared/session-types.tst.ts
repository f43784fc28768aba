import Fastify, { type FastifyRequest } from 'fastify'
import { expect, test } from 'tstyche'
import type { NewSession, Session, WithOptionalSession } from '../../lib/index.ts'

const app = Fastify()
declare const session: Session

test('claims have their types in the payload, and a misspelt one is an error', () => {
  expect(session.payload.plan).type.toBe<'free' | 'pro' | undefined>()
  expect(session.payload.sub).type.toBe<string>()
  expect(session.payload).type.not.toHaveProperty('paln')
  app.get('/', { preHandler: app.verifySession() }, async (request) => {
    expect(request.session.payload.plan).type.toBe<'free' | 'pro' | undefined>()
  })
})

test('data has its type wherever it is read', async () => {
  expect((await session.getData()).cart).type.toBe<readonly string[]>()
  expect((await session.info()).sessionData.cart).type.toBe<readonly string[]>()
  expect((await session.devices())[0]?.sessionData.cart).type.toBe<readonly string[] | undefined>()
  expect((await app.sessions.info('h'))?.sessionData.cart).type.toBe<
    readonly string[] | undefined
  >()
  expect((await app.sessions.info('h'))?.accessTokenPayload.plan).type.toBe<
    'free' | 'pro' | undefined
  >()
})

test('what is written has to fit', () => {
  const userId = 'ada'
  const sessionData = { cart: [] }
  expect<NewSession>().type.toBeAssignableFrom({ userId, sessionData })
  expect<NewSession>().type.toBeAssignableFrom({
    userId,
    sessionData,
    accessTokenPayload: { plan: 'pro' } as const
  })
  expect<NewSession>().type.not.toBeAssignableFrom({ userId })
  expect<NewSession>().type.not.toBeAssignableFrom({ userId, sessionData: { crat: [] } })
  expect<NewSession>().type.not.toBeAssignableFrom({
    userId,
    sessionData,
    accessTokenPayload: { plan: 'gold' }
  })
  expect(session.updateData).type.toBeCallableWith({ cart: ['a'] })
  expect(session.updateData).type.not.toBeCallableWith({ cart: 5 })
  expect(session.mergePayload).type.toBeCallableWith({ plan: 'free' })
  expect(session.mergePayload).type.toBeCallableWith({ plan: null })
  expect(session.mergePayload).type.not.toBeCallableWith({ paln: 'free' })
  expect(app.sessions.mergePayload).type.not.toBeCallableWith('h', { plan: 'gold' })
})

test('a handler whose session is not required asks for it', () => {
  const optional = app.verifySession({ sessionRequired: false })
  app.get('/', { preHandler: optional }, async (request: WithOptionalSession) => {
    expect(request.session).type.toBe<Session | null>()
    return request.session?.userId ?? request.ip
  })
  expect<WithOptionalSession>().type.toBeAssignableFrom<FastifyRequest>()
})
