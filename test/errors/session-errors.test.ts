import Fastify from 'fastify'
import { test } from 'tap'
import { HTTPException } from '../../lib/errors/index.ts'
import {
  ClearDuplicateSessionCookiesError,
  InvalidClaimsError,
  TokenTheftDetectedError,
  TryRefreshTokenError,
  UnauthorisedError
} from '../../lib/errors/session-errors.ts'

test('an unauthorised error clears the tokens unless it says otherwise', (t) => {
  t.equal(new UnauthorisedError().clearTokens, true)
  t.equal(new UnauthorisedError('no', { clearTokens: false }).clearTokens, false)
  t.end()
})

test('the payload of a session error is not enumerable', (t) => {
  const error = new TokenTheftDetectedError({ sessionHandle: 'h', userId: 'u', recipeUserId: 'u' })
  t.equal(error.payload.userId, 'u')
  t.notOk(Object.keys(error).includes('payload'))
  t.end()
})

test('an error handler that knows nothing of the package answers with the right status', async (t) => {
  const theft = { sessionHandle: 'h', userId: 'u', recipeUserId: 'u' }
  const cases = [
    [new UnauthorisedError(), 401],
    [new TryRefreshTokenError(), 401],
    [new TokenTheftDetectedError(theft), 401],
    [new InvalidClaimsError([]), 403],
    [new HTTPException(409), 409],
    [new HTTPException(503), 503]
  ] as const
  const app = Fastify()
  t.teardown(() => app.close())
  for (const [index, [error]] of cases.entries())
    app.get(`/${index}`, async () => {
      throw error
    })
  for (const [index, [error, status]] of cases.entries()) {
    t.equal((await app.inject(`/${index}`)).statusCode, status)
    t.equal(error.status, status)
    t.equal(error.expose, status < 500)
  }
  t.same(new UnauthorisedError().headers, { 'cache-control': 'no-store' })
  t.equal(new ClearDuplicateSessionCookiesError().statusCode, 200)
})
