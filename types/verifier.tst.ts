import Fastify from 'fastify'
import { expect, test } from 'tstyche'
import { memoryStore, PrimitiveClaim } from '../lib/index.ts'
import verifier, { type Session, type VerifierOptions } from '../lib/verifier/index.ts'

const app = Fastify()
const issuer = 'https://api.example.com/auth'

test('the verifier needs an issuer', () => {
  expect(app.register).type.toBeCallableWith(verifier, { issuer })
  expect<VerifierOptions>().type.not.toBeAssignableFrom({})
})

test('the verifier takes options of the issuer that it can use, and no others', () => {
  expect<VerifierOptions>().type.toBeAssignableFrom({ issuer, store: memoryStore() })
  expect<VerifierOptions>().type.toBeAssignableFrom({
    issuer,
    appInfo: { apiDomain: 'https://orders.example.com', websiteDomain: 'https://example.com' },
    globalClaimValidators: [
      new PrimitiveClaim<string>({ key: 'role', fetchValue: () => 'a' }).validators.hasValue('a')
    ],
    exceptionHandlers: []
  })
  expect<VerifierOptions>().type.not.toBeAssignableFrom({ issuer, secret: 'x' })
  expect<VerifierOptions>().type.not.toBeAssignableFrom({ issuer, deviceBinding: 'dbsc' as const })
  expect<VerifierOptions>().type.not.toBeAssignableFrom({
    issuer,
    appInfo: { apiBasePath: '/auth' }
  })
})

test('the hook and the session have the types of the main plugin', () => {
  app.get('/', { preHandler: app.verifySession() }, async (request) => {
    expect(request.session).type.toBe<Session>()
  })
})
