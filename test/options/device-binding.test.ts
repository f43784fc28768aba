import { test } from 'tap'
import { resolveDeviceBinding } from '../../lib/options/device-binding.ts'

const resolved = {
  dbsc: true,
  dpop: false,
  boundCookieLifetimeMs: 600_000,
  dpopNonces: false
}

test('sessions are bound where the option says so', async (t) => {
  t.equal(resolveDeviceBinding(undefined, true), null)
  t.same(resolveDeviceBinding('dbsc', true), resolved)
  t.same(resolveDeviceBinding(['dbsc', 'dpop'], true), { ...resolved, dpop: true })
  t.same(resolveDeviceBinding('dpop', false), { ...resolved, dbsc: false, dpop: true })
  const given = { methods: ['dbsc'], boundCookieLifetime: '5m', dpopNonces: true }
  t.same(resolveDeviceBinding(given, true), {
    ...resolved,
    boundCookieLifetimeMs: 300_000,
    dpopNonces: true
  })
})

const wrong: readonly [value: unknown, message: RegExp][] = [
  ['mtls', /'deviceBinding' must be "dbsc" or "dpop", received string/],
  [[], /'deviceBinding' must be 'dbsc', 'dpop' or a list of both, received array/],
  [null, /'deviceBinding' must be an object, received null/],
  [{}, /'deviceBinding.methods' must be "dbsc" or "dpop", received undefined/],
  [{ methods: 'dpop', life: 1 }, /'deviceBinding.life' must be one of methods, bound/],
  [{ methods: 'dpop', dpopNonces: 1 }, /'deviceBinding.dpopNonces' must be true or false/],
  [{ methods: 'dbsc', boundCookieLifetime: 1 }, /'deviceBinding.boundCookieLifetime' must be a dur/]
]

test('a wrong value is refused by name', async (t) => {
  for (const [value, message] of wrong) t.throws(() => resolveDeviceBinding(value, true), message)
})

test('cookies that are not Secure cannot be bound', async (t) => {
  t.throws(() => resolveDeviceBinding('dbsc', false), /'dpop' alone where cookies are not Secure/)
})
