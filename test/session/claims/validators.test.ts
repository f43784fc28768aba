import { test } from 'tap'
import {
  BooleanClaim,
  type ClaimValidator,
  PrimitiveArrayClaim,
  PrimitiveClaim,
  SessionClaim
} from '../../../lib/index.ts'
import { START_MS } from '../../builders/app.ts'

const fetchValue = () => undefined
const NOW = { nowMs: START_MS }
const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue })
const verified = new BooleanClaim({ key: 'st-ev', fetchValue })
const roles = new PrimitiveArrayClaim<string>({ key: 'st-role', fetchValue })

const stored = (key: string, v: unknown, ageSeconds = 0) => ({
  [key]: { v, t: START_MS - ageSeconds * 1000 }
})

test('hasValue passes for exactly its value', (t) => {
  const validator = plan.validators.hasValue('pro')
  t.equal(validator.id, 'plan')
  t.same(validator.validate(stored('plan', 'pro'), NOW), { isValid: true })
  t.same(validator.validate(stored('plan', 'free'), NOW), {
    isValid: false,
    reason: { message: 'wrong value', expectedValue: 'pro', actualValue: 'free' }
  })
  t.end()
})

test('a boolean is true or false, and nothing in between', (t) => {
  const { isTrue, isFalse, hasValue } = verified.validators
  const passes = (validator: ClaimValidator, v: unknown) =>
    (validator.validate(stored('st-ev', v), NOW) as { isValid: boolean }).isValid
  t.same(
    [true, false, 1].map((v) => passes(isTrue(), v)),
    [true, false, false]
  )
  t.same(
    [true, false, 0].map((v) => passes(isFalse(), v)),
    [false, true, false]
  )
  t.same(
    [true, false].map((v) => passes(hasValue(true), v)),
    [true, false]
  )
  t.end()
})

const lists: [
  name: string,
  validator: ClaimValidator,
  passing: string[][],
  failing: string[],
  expectation: object
][] = [
  [
    'includes',
    roles.validators.includes('a'),
    [['a'], ['b', 'a']],
    ['b'],
    { expectedToInclude: 'a' }
  ],
  ['excludes', roles.validators.excludes('a'), [[], ['b']], ['a'], { expectedToNotInclude: 'a' }],
  [
    'includesAll',
    roles.validators.includesAll(['a', 'b']),
    [['b', 'a', 'c']],
    ['a'],
    { expectedToInclude: ['a', 'b'] }
  ],
  ['includesAll of none', roles.validators.includesAll([]), [[], ['a']], [], {}],
  [
    'includesAny',
    roles.validators.includesAny(['a', 'b']),
    [['b'], ['c', 'a']],
    ['c'],
    { expectedToIncludeAtLeastOneOf: ['a', 'b'] }
  ],
  [
    'includesAny of none',
    roles.validators.includesAny([]),
    [],
    ['a'],
    { expectedToIncludeAtLeastOneOf: [] }
  ],
  [
    'excludesAll',
    roles.validators.excludesAll(['a', 'b']),
    [[], ['c']],
    ['c', 'b'],
    { expectedToNotInclude: ['a', 'b'] }
  ],
  ['excludesAll of none', roles.validators.excludesAll([]), [[], ['a']], [], {}]
]

for (const [name, validator, passing, actualValue, expectation] of lists) {
  test(`${name} passes and fails as its name says`, (t) => {
    for (const list of passing)
      t.same(validator.validate(stored('st-role', list), NOW), { isValid: true }, `${list}`)
    if (Object.keys(expectation).length > 0)
      t.same(validator.validate(stored('st-role', actualValue), NOW), {
        isValid: false,
        reason: { message: 'wrong value', ...expectation, actualValue }
      })
    t.end()
  })
}

test('a missing value says what was expected', (t) => {
  const missing = (validator: ClaimValidator, payload = {}) =>
    JSON.parse(JSON.stringify(validator.validate(payload, NOW)))
  t.same(missing(plan.validators.hasValue('pro')), {
    isValid: false,
    reason: { message: 'value does not exist', expectedValue: 'pro' }
  })
  t.same(missing(roles.validators.includesAny(['a'])), {
    isValid: false,
    reason: { message: 'value does not exist', expectedToNotInclude: ['a'] }
  })
  for (const odd of [{ plan: 'pro' }, { plan: null }, { plan: {} }])
    t.match(missing(plan.validators.hasValue('pro'), odd), { isValid: false })
  t.end()
})

test('a value older than maxAge is expired, and the claim’s default applies where there is none', (t) => {
  const aging = new PrimitiveClaim<string>({ key: 'plan', fetchValue, defaultMaxAgeInSeconds: 60 })
  const check = (options?: { maxAgeInSeconds: number }) =>
    aging.validators.hasValue('pro', options).validate(stored('plan', 'pro', 61), NOW)
  t.same(check(), {
    isValid: false,
    reason: { message: 'expired', ageInSeconds: 61, maxAgeInSeconds: 60 }
  })
  t.same(check({ maxAgeInSeconds: 61 }), { isValid: true })
  t.same(check({ maxAgeInSeconds: Number.POSITIVE_INFINITY }), { isValid: true })
  t.match(check({ maxAgeInSeconds: 5 }), { reason: { maxAgeInSeconds: 5 } })
  const withoutTime = aging.validators.hasValue('pro').validate({ plan: { v: 'pro' } }, NOW)
  t.match(withoutTime, { isValid: false, reason: { message: 'expired' } })
  t.end()
})

test('a value is fetched anew where it is missing or too old', (t) => {
  const { shouldRefetch } = plan.validators.hasValue('pro', { maxAgeInSeconds: 60 })
  t.equal(shouldRefetch?.({}, NOW), true)
  t.equal(shouldRefetch?.(stored('plan', 'free', 61), NOW), true)
  t.equal(shouldRefetch?.(stored('plan', 'free', 60), NOW), false)
  t.equal(plan.validators.hasValue('pro').shouldRefetch?.(stored('plan', 'x', 1e9), NOW), false)
  t.end()
})

test('a validator may go by another name than its claim', (t) => {
  t.equal(verified.validators.isTrue({ id: 'email' }).id, 'email')
  t.end()
})

test('a claim without a key or a function, or with a name of the protocol, is refused', (t) => {
  for (const [options, message] of [
    [{ key: '', fetchValue }, /needs a key/],
    [{ fetchValue }, /needs a key/],
    [{ key: 'sub', fetchValue }, /belongs to the session protocol/],
    [{ key: 'x' }, /needs a function fetchValue/]
  ] as const)
    t.throws(() => new SessionClaim(options as never), message)
  t.end()
})
