import { test } from 'tap'
import * as errors from '../lib/errors/index.ts'
import * as main from '../lib/index.ts'

test('the package exports the plugin, the memory store, and what the errors plugin exports', (t) => {
  const names = (module: object) => Object.keys(module).filter((name) => name !== 'default')
  t.same(names(main).sort(), [...names(errors), 'memoryStore'].sort())
  t.type(main.default, 'function')
  t.not(main.default, errors.default)
  t.end()
})
