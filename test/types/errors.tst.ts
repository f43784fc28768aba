import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'tstyche'
import {
  type ErrorForKey,
  type ErrorsOptions,
  type InvalidClaimsError,
  on,
  RequestValidationError,
  type SessionErrorMap,
  type UnauthorisedError
} from '../../lib/errors/index.ts'

declare const app: FastifyInstance

class UnicornError extends Error {
  readonly horns = 1
}

describe('the error argument of a handler', () => {
  test('is an instance of the class that is the key', () => {
    on(UnicornError, (error) => expect(error).type.toBe<UnicornError>())
    on(RangeError, (error) => expect(error).type.toBe<RangeError>())
    app.setExceptionHandler(RequestValidationError, (error) => {
      expect(error).type.toBe<RequestValidationError>()
    })
  })

  test('has the status that is the key', () => {
    on(404, (error) => expect(error.statusCode).type.toBe<404>())
  })

  test('has the payload of the session error that is the key', () => {
    on('TOKEN_THEFT_DETECTED', ({ payload }) => expect(payload.userId).type.toBe<string>())
    app.setExceptionHandler('INVALID_CLAIMS', ({ payload }) => {
      expect(payload[0]?.id).type.toBe<string | undefined>()
    })
  })

  test('has the code that is the key', () => {
    on('ENOENT', (error) => expect(error.code).type.toBe<'ENOENT'>())
    on('FST_ERR_VALIDATION', (error) => expect(error.body).type.toBe<unknown>())
  })

  test('has no member that its class does not have', () => {
    on(UnicornError, (error) => {
      expect(error).type.not.toHaveProperty('wings')
    })
  })
})

test('session error classes are what handlers of their names receive', () => {
  expect<UnauthorisedError>().type.toBeAssignableTo<SessionErrorMap['UNAUTHORISED']>()
  expect<InvalidClaimsError>().type.toBeAssignableTo<ErrorForKey<'INVALID_CLAIMS'>>()
})

test('a handler is called on the instance that registered it', () => {
  app.setExceptionHandler('TRY_REFRESH_TOKEN', function (error) {
    expect(this).type.toBe<FastifyInstance>()
    expect(error.type).type.toBe<'TRY_REFRESH_TOKEN'>()
  })
})

test('a record of handlers infers the error of each name, and knows no others', () => {
  expect<{
    exceptionHandlers: { UNAUTHORISED: () => string }
  }>().type.toBeAssignableTo<ErrorsOptions>()
  expect<{
    exceptionHandlers: { UNAUTHORIZED: () => string }
  }>().type.not.toBeAssignableTo<ErrorsOptions>()
})
