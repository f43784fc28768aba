import Fastify from 'fastify'
import { expect, test } from 'tstyche'
import type { NewSession, Session } from '../lib/index.ts'

const app = Fastify()
declare const session: Session

interface Cart {
  readonly items: readonly string[]
}
declare const cart: Cart

test('an app that declares nothing may keep any object, an interface as well', () => {
  expect<NewSession>().type.toBeAssignableFrom({ userId: 'ada' })
  expect<NewSession>().type.toBeAssignableFrom({ userId: 'ada', sessionData: cart })
  expect<NewSession>().type.toBeAssignableFrom({ userId: 'ada', accessTokenPayload: cart })
  expect<NewSession>().type.not.toBeAssignableFrom({ userId: 'ada', sessionData: 'cart' })
  expect(session.updateData).type.toBeCallableWith(cart)
  expect(session.mergePayload).type.toBeCallableWith(cart)
  expect(app.sessions.createJWT).type.toBeCallableWith(cart)
})

test('what is read is unknown, member by member', async () => {
  expect(session.payload['other']).type.toBe<unknown>()
  expect(session.payload.sub).type.toBe<string>()
  expect((await session.getData())['items']).type.toBe<unknown>()
  expect((await session.info()).accessTokenPayload['plan']).type.toBe<unknown>()
})
