import { test } from 'tap'
import { OptionsError } from '../../lib/options/checks.ts'

test('an options error names the option, what it expects and the type it got', (t) => {
  const error = new OptionsError('secret', 'a string of at least 32 bytes', 'hunter2')
  t.equal(error.code, 'SUPERSESSION_INVALID_OPTION')
  t.match(error, {
    option: 'secret',
    expected: 'a string of at least 32 bytes',
    received: 'string'
  })
  t.equal(error.message, "Option 'secret' must be a string of at least 32 bytes, received string")
  t.end()
})

test('an options error never holds the value', (t) => {
  const error = new OptionsError('secret', 'a string of at least 32 bytes', 'hunter2')
  t.notMatch(`${JSON.stringify(error)} ${error.stack}`, 'hunter2')
  t.end()
})

test('null and arrays are called by their names', (t) => {
  t.equal(new OptionsError('a', 'an object', null).received, 'null')
  t.equal(new OptionsError('a', 'an object', []).received, 'array')
  t.equal(new OptionsError('a', 'an object', undefined).received, 'undefined')
  t.match(new OptionsError('a', 'a free name'), {
    received: undefined,
    message: /^Option 'a' must be a free name$/
  })
  t.end()
})
