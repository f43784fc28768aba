import { test } from 'tap'
import * as errors from '../lib/errors/index.ts'
import * as main from '../lib/index.ts'

test('the package exports the plugin, the memory store, the claims, the CORS headers, and what the errors plugin exports', (t) => {
  const names = (module: object) => Object.keys(module).filter((name) => name !== 'default')
  const own = [
    'BooleanClaim',
    'getAllCORSHeaders',
    'memoryStore',
    'PrimitiveArrayClaim',
    'PrimitiveClaim',
    'SessionClaim'
  ]
  t.same(names(main).sort(), [...names(errors), ...own].sort())
  t.type(main.default, 'function')
  t.not(main.default, errors.default)
  t.end()
})
