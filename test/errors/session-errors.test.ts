import { test } from 'tap'
import { TokenTheftDetectedError, UnauthorisedError } from '../../lib/errors/session-errors.ts'

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
