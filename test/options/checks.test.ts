import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import { checkNames, functionAtOnce, OptionsError } from '../../lib/options/checks.ts'

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

test('options are a plain object: others hide what they have', (t) => {
  const said = { a: 1 }
  class Config {
    get a() {
      return 1
    }
  }
  for (const value of [said, Object.assign(Object.create(null), said), runInNewContext('({a: 1})')])
    t.doesNotThrow(() => checkNames(value, ['a']))
  const others = [Promise.resolve(said), new Map(), new Date(), new Config(), Object.create(said)]
  for (const value of [undefined, null, 'a', [], () => said, ...others])
    t.throws(() => checkNames(value, ['a'], 'x'), { message: /'x' must be a plain object/ })
  t.throws(() => checkNames(null, ['a']), { message: /'options' must be a plain object/ })
  t.end()
})

test('a promise of a function whose answer nobody waits for is refused, and its failure heard', async (t) => {
  const check = functionAtOnce<(value: unknown) => unknown>()
  const call = check((value: unknown) => value, 'ask')
  t.equal(call(5), 5)
  t.throws(() => call(Promise.reject(new Error('x'))), {
    message: /'ask\(\)' must be an answer that nobody has to wait for/
  })
  t.throws(() => check('x', 'ask'), { message: /'ask' must be a function/ })
  await new Promise((resolve) => setImmediate(resolve))
})
