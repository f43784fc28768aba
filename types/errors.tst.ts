import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { describe, expect, test } from 'tstyche'
import {
  type ErrorForKey,
  type ErrorsOptions,
  HTTPException,
  type InvalidClaimsError,
  on,
  RequestValidationError,
  type SessionErrorMap,
  type UnauthorisedError,
  type WebSocketLike
} from '../lib/errors/index.ts'

declare const app: FastifyInstance
declare function register(options: ErrorsOptions): void

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
  expect(register).type.toBeCallableWith({ exceptionHandlers: { UNAUTHORISED: () => 'x' } })
  expect(register).type.not.toBeCallableWith({ exceptionHandlers: { UNAUTHORIZED: () => 'x' } })
})

test('a handler of WebSockets receives the error of its key and the socket it names', () => {
  app.setWebSocketExceptionHandler(UnicornError, (error, socket) => {
    expect(error).type.toBe<UnicornError>()
    expect(socket).type.toBe<WebSocketLike>()
  })
  interface OwnSocket extends WebSocketLike {
    terminate(): void
  }
  app.setWebSocketExceptionHandler(404, (error, socket: OwnSocket) => {
    expect(error.statusCode).type.toBe<404>()
    socket.terminate()
  })
})

test('the detail of an exception has the type it was made with', () => {
  expect(new HTTPException(409, { left: 3 }).detail).type.toBe<string | { left: number }>()
  expect(new HTTPException(409).statusCode).type.toBe<409>()
})

test('a route takes handlers and documented errors in its config', () => {
  class OutOfStock extends HTTPException {
    static openapi = { status: 409 }
  }
  const exceptionHandlers = [on(UnicornError, () => 'x')]
  app.get('/', { config: { exceptionHandlers, errorResponses: [OutOfStock] } }, async () => 'ok')
  app.get('/record', { config: { errorResponses: { 409: 'taken' } } }, async () => 'ok')
})

test('the callbacks of SuperTokens have their own arguments', () => {
  const options: ErrorsOptions = {
    errorHandlers: {
      onTokenTheftDetected: (sessionHandle, userId, request, reply) => {
        expect(sessionHandle).type.toBe<string>()
        expect(userId).type.toBe<string>()
        expect(request).type.toBe<FastifyRequest>()
        expect(reply).type.toBe<FastifyReply>()
      }
    }
  }
  expect(options).type.toBe<ErrorsOptions>()
})
