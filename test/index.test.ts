import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import * as errors from '../lib/errors/index.ts'
import * as main from '../lib/index.ts'

test('the package exports the plugin, the memory store, what copies stores, the claims, the CORS headers, and what the errors plugin exports', (t) => {
  const names = (module: object) => Object.keys(module).filter((name) => name !== 'default')
  const own = [
    'BooleanClaim',
    'copyStore',
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

test('every entry of the package exports what it is for, and nothing else', async (t) => {
  const { exports } = JSON.parse(await readFile('package.json', 'utf8'))
  const names: Record<string, string[]> = {}
  for (const [entry, { default: file }] of Object.entries<{ default?: string }>(exports))
    if (file !== undefined)
      names[entry] = Object.keys(await import(file.replace('./dist/', '../lib/'))).sort()
  const { '.': main, './errors': errors, ...others } = names
  t.ok(main?.includes('default') && errors?.includes('default'))
  t.same(others, {
    './opentelemetry': ['recordSessionMetrics'],
    './stores/lmdb': ['lmdbStore'],
    './stores/postgres': ['postgresSchema', 'postgresStore'],
    './stores/redis': ['redisStore'],
    './supertokens': ['SupertokensError', 'useSdkErrorHandler', 'wrapSdkVerifySession'],
    './testing': ['TestClock', 'injectAs', 'storeContract'],
    './verifier': ['IssuerUnavailableError', 'default']
  })
})
