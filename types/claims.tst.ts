import Fastify from 'fastify'
import { expect, test } from 'tstyche'
import {
  BooleanClaim,
  type ClaimResult,
  type ClaimValidator,
  PrimitiveArrayClaim,
  PrimitiveClaim,
  type Session,
  SessionClaim,
  type SupersessionOptions
} from '../lib/index.ts'

const app = Fastify()
const fetchValue = () => undefined
const roles = new PrimitiveArrayClaim<'admin' | 'user'>({ key: 'roles', fetchValue })
const verified = new BooleanClaim({ key: 'st-ev', fetchValue: async () => true })
const address = new SessionClaim<{ city: string }>({ key: 'address', fetchValue })

declare const session: Session

test('the value of a claim is typed by its claim', async () => {
  expect(session.getClaim(verified)).type.toBe<boolean | undefined>()
  expect(session.getClaim(roles)).type.toBe<readonly ('admin' | 'user')[] | undefined>()
  expect(await app.sessions.getClaim('handle', address)).type.toBe<ClaimResult<{ city: string }>>()
  expect(session.setClaim<boolean>).type.toBeCallableWith(verified, true)
  expect(session.setClaim<boolean>).type.not.toBeCallableWith(verified, 'yes')
})

test('a claim fetches what it holds', () => {
  expect(PrimitiveClaim<number>).type.toBeConstructableWith({ key: 'n', fetchValue: () => 5 })
  expect(PrimitiveClaim<number>).type.not.toBeConstructableWith({ key: 'n', fetchValue: () => '5' })
  expect(PrimitiveClaim<number>).type.not.toBeConstructableWith({ key: 'n' })
})

test('validators ask for values that the claim can have', () => {
  expect(roles.validators.includes).type.toBeCallableWith('admin')
  expect(roles.validators.includes).type.not.toBeCallableWith('root')
  expect(verified.validators.isTrue({ maxAgeInSeconds: 5 })).type.toBe<ClaimValidator>()
})

test('a validator has a claim and shouldRefetch, or neither', () => {
  const validate = () => ({ isValid: true }) as const
  const shouldRefetch = () => true
  expect<ClaimValidator>().type.toBeAssignableFrom({ id: 'x', validate })
  expect<ClaimValidator>().type.toBeAssignableFrom({
    id: 'x',
    validate,
    claim: roles,
    shouldRefetch
  })
  expect<ClaimValidator>().type.not.toBeAssignableFrom({ id: 'x', validate, claim: roles })
  expect<ClaimValidator>().type.not.toBeAssignableFrom({ id: 'x', validate, shouldRefetch })
})

test('claims of all kinds stand in one list, and overrides are typed', () => {
  expect<SupersessionOptions>().type.toBeAssignableFrom({
    claims: [roles, verified, address],
    globalClaimValidators: [verified.validators.isTrue()]
  })
  app.register(import('../lib/index.ts'), {
    override: {
      functions: (original) => ({
        ...original,
        revoke: async (handle) => {
          expect(handle).type.toBe<string>()
          return original.revoke(handle)
        }
      }),
      apis: (original) => ({ ...original, signOutPOST: undefined })
    }
  })
})
