import Ajv2019 from 'ajv/dist/2019.js'
import ajvErrors from 'ajv-errors'
import addFormats from 'ajv-formats'
import { type Test, test } from 'tap'
import { describeAjvError } from '../../../lib/errors/validation/describe-ajv.ts'
import { errorApp } from '../error-app.ts'

type Json = Record<string, unknown>

/** The issues of a body for a schema, as the client gets them. */
async function issuesOf(t: Test, schema: Json, body: unknown): Promise<Json[]> {
  const { app } = await errorApp(t)
  const ajv = new Ajv2019.default({
    allErrors: true,
    strict: false,
    discriminator: true,
    allowUnionTypes: true
  })
  addFormats.default(ajv)
  ajvErrors.default(ajv)
  ajv.addKeyword({ keyword: 'even', validate: (on: boolean, n: number) => !on || n % 2 === 0 })
  app.setValidatorCompiler(({ schema }) => ajv.compile(schema as Json))
  app.post('/', { schema: { body: schema } }, async () => 'ok')
  const payload = JSON.stringify(body)
  const headers = { 'content-type': 'application/json' }
  const reply = await app.inject({ method: 'POST', url: '/', headers, payload })
  t.equal(reply.statusCode, 422)
  return reply.json().detail
}

const a = (schema: unknown): Json => ({ type: 'object', properties: { a: schema } })

/** Schema, body, and the issues expected, without their input. */
const cases: Record<string, [Json, unknown, Json[]]> = {
  'type integer, a string': [
    a({ type: 'integer' }),
    { a: 'x' },
    [
      {
        type: 'int_parsing',
        loc: ['body', 'a'],
        msg: 'Input should be a valid integer, unable to parse string as an integer'
      }
    ]
  ],
  'type integer, a fraction': [
    a({ type: 'integer' }),
    { a: 1.5 },
    [
      {
        type: 'int_from_float',
        loc: ['body', 'a'],
        msg: 'Input should be a valid integer, got a number with a fractional part'
      }
    ]
  ],
  'type integer, something else': [
    a({ type: 'integer' }),
    { a: [] },
    [{ type: 'int_type', loc: ['body', 'a'], msg: 'Input should be a valid integer' }]
  ],
  'type number, a string': [
    a({ type: 'number' }),
    { a: 'x' },
    [
      {
        type: 'float_parsing',
        loc: ['body', 'a'],
        msg: 'Input should be a valid number, unable to parse string as a number'
      }
    ]
  ],
  'type number, something else': [
    a({ type: 'number' }),
    { a: {} },
    [{ type: 'float_type', loc: ['body', 'a'], msg: 'Input should be a valid number' }]
  ],
  'type boolean, a string': [
    a({ type: 'boolean' }),
    { a: 'x' },
    [
      {
        type: 'bool_parsing',
        loc: ['body', 'a'],
        msg: 'Input should be a valid boolean, unable to interpret input'
      }
    ]
  ],
  'type boolean, something else': [
    a({ type: 'boolean' }),
    { a: [] },
    [{ type: 'bool_type', loc: ['body', 'a'], msg: 'Input should be a valid boolean' }]
  ],
  'type string': [
    a({ type: 'string' }),
    { a: 1 },
    [{ type: 'string_type', loc: ['body', 'a'], msg: 'Input should be a valid string' }]
  ],
  'type string, nullable': [
    a({ type: 'string', nullable: true }),
    { a: 1 },
    [
      {
        type: 'string_type',
        loc: ['body', 'a'],
        msg: 'Input should be a valid string'
      }
    ]
  ],
  'type null': [
    a({ type: 'null' }),
    { a: 1 },
    [{ type: 'none_required', loc: ['body', 'a'], msg: 'Input should be null' }]
  ],
  'type array': [
    a({ type: 'array' }),
    { a: 1 },
    [{ type: 'list_type', loc: ['body', 'a'], msg: 'Input should be a valid list' }]
  ],
  'type object': [
    a({ type: 'object' }),
    { a: 1 },
    [
      {
        type: 'model_attributes_type',
        loc: ['body', 'a'],
        msg: 'Input should be a valid dictionary or object to extract fields from'
      }
    ]
  ],
  'a list of types': [
    a({ type: ['null', 'integer', 'object'] }),
    { a: 'x' },
    [
      {
        type: 'int_type',
        loc: ['body', 'a'],
        msg: 'Input should be a valid null, integer or object',
        ctx: { expected: 'null, integer or object' }
      }
    ]
  ],
  'an empty body': [a({}), null, [{ type: 'missing', loc: ['body'], msg: 'Field required' }]],
  required: [
    { type: 'object', required: ['a'] },
    {},
    [{ type: 'missing', loc: ['body', 'a'], msg: 'Field required' }]
  ],
  dependencies: [
    { type: 'object', dependencies: { a: ['b'] } },
    { a: 1 },
    [{ type: 'missing', loc: ['body', 'b'], msg: 'Field required', ctx: { required_by: 'a' } }]
  ],
  dependentRequired: [
    { type: 'object', dependentRequired: { a: ['b'] } },
    { a: 1 },
    [{ type: 'missing', loc: ['body', 'b'], msg: 'Field required', ctx: { required_by: 'a' } }]
  ],
  additionalProperties: [
    { type: 'object', additionalProperties: false },
    { a: 1 },
    [{ type: 'extra_forbidden', loc: ['body', 'a'], msg: 'Extra inputs are not permitted' }]
  ],
  unevaluatedProperties: [
    { type: 'object', unevaluatedProperties: false },
    { a: 1 },
    [{ type: 'extra_forbidden', loc: ['body', 'a'], msg: 'Extra inputs are not permitted' }]
  ],
  'a schema of false': [
    a(false),
    { a: 1 },
    [{ type: 'extra_forbidden', loc: ['body', 'a'], msg: 'Extra inputs are not permitted' }]
  ],
  'propertyNames, with the reason': [
    { type: 'object', propertyNames: { maxLength: 1 } },
    { ab: 1 },
    [
      {
        type: 'string_too_long',
        loc: ['body', 'ab', '[key]'],
        msg: 'String should have at most 1 character',
        ctx: { max_length: 1 }
      }
    ]
  ],
  minLength: [
    a({ type: 'string', minLength: 2 }),
    { a: 'x' },
    [
      {
        type: 'string_too_short',
        loc: ['body', 'a'],
        msg: 'String should have at least 2 characters',
        ctx: { min_length: 2 }
      }
    ]
  ],
  maxLength: [
    a({ type: 'string', maxLength: 1 }),
    { a: 'xy' },
    [
      {
        type: 'string_too_long',
        loc: ['body', 'a'],
        msg: 'String should have at most 1 character',
        ctx: { max_length: 1 }
      }
    ]
  ],
  pattern: [
    a({ type: 'string', pattern: '^b$' }),
    { a: 'x' },
    [
      {
        type: 'string_pattern_mismatch',
        loc: ['body', 'a'],
        msg: "String should match pattern '^b$'",
        ctx: { pattern: '^b$' }
      }
    ]
  ],
  minimum: [
    a({ minimum: 2 }),
    { a: 1 },
    [
      {
        type: 'greater_than_equal',
        loc: ['body', 'a'],
        msg: 'Input should be greater than or equal to 2',
        ctx: { ge: 2 }
      }
    ]
  ],
  exclusiveMinimum: [
    a({ exclusiveMinimum: 2 }),
    { a: 2 },
    [
      {
        type: 'greater_than',
        loc: ['body', 'a'],
        msg: 'Input should be greater than 2',
        ctx: { gt: 2 }
      }
    ]
  ],
  maximum: [
    a({ maximum: 2 }),
    { a: 3 },
    [
      {
        type: 'less_than_equal',
        loc: ['body', 'a'],
        msg: 'Input should be less than or equal to 2',
        ctx: { le: 2 }
      }
    ]
  ],
  exclusiveMaximum: [
    a({ exclusiveMaximum: 2 }),
    { a: 2 },
    [{ type: 'less_than', loc: ['body', 'a'], msg: 'Input should be less than 2', ctx: { lt: 2 } }]
  ],
  formatMinimum: [
    a({ type: 'string', format: 'date', formatMinimum: '2020-01-01' }),
    { a: '2019-01-01' },
    [
      {
        type: 'greater_than_equal',
        loc: ['body', 'a'],
        msg: 'Input should be greater than or equal to 2020-01-01',
        ctx: { ge: '2020-01-01' }
      }
    ]
  ],
  formatExclusiveMinimum: [
    a({ type: 'string', format: 'date', formatExclusiveMinimum: '2020-01-01' }),
    { a: '2020-01-01' },
    [
      {
        type: 'greater_than',
        loc: ['body', 'a'],
        msg: 'Input should be greater than 2020-01-01',
        ctx: { gt: '2020-01-01' }
      }
    ]
  ],
  formatMaximum: [
    a({ type: 'string', format: 'date', formatMaximum: '2020-01-01' }),
    { a: '2021-01-01' },
    [
      {
        type: 'less_than_equal',
        loc: ['body', 'a'],
        msg: 'Input should be less than or equal to 2020-01-01',
        ctx: { le: '2020-01-01' }
      }
    ]
  ],
  formatExclusiveMaximum: [
    a({ type: 'string', format: 'date', formatExclusiveMaximum: '2020-01-01' }),
    { a: '2020-01-01' },
    [
      {
        type: 'less_than',
        loc: ['body', 'a'],
        msg: 'Input should be less than 2020-01-01',
        ctx: { lt: '2020-01-01' }
      }
    ]
  ],
  multipleOf: [
    a({ multipleOf: 2 }),
    { a: 3 },
    [
      {
        type: 'multiple_of',
        loc: ['body', 'a'],
        msg: 'Input should be a multiple of 2',
        ctx: { multiple_of: 2 }
      }
    ]
  ],
  minItems: [
    a({ type: 'array', minItems: 2 }),
    { a: [1] },
    [
      {
        type: 'too_short',
        loc: ['body', 'a'],
        msg: 'List should have at least 2 items after validation, not 1',
        ctx: { field_type: 'List', min_length: 2, actual_length: 1 }
      }
    ]
  ],
  maxItems: [
    a({ type: 'array', maxItems: 1 }),
    { a: [1, 2] },
    [
      {
        type: 'too_long',
        loc: ['body', 'a'],
        msg: 'List should have at most 1 item after validation, not 2',
        ctx: { field_type: 'List', max_length: 1, actual_length: 2 }
      }
    ]
  ],
  additionalItems: [
    a({ type: 'array', items: [{}], additionalItems: false }),
    { a: [1, 2] },
    [
      {
        type: 'too_long',
        loc: ['body', 'a'],
        msg: 'List should have at most 1 item after validation, not 2',
        ctx: { field_type: 'List', max_length: 1, actual_length: 2 }
      }
    ]
  ],
  minProperties: [
    a({ type: 'object', minProperties: 1 }),
    { a: {} },
    [
      {
        type: 'too_short',
        loc: ['body', 'a'],
        msg: 'Dictionary should have at least 1 item after validation, not 0',
        ctx: { field_type: 'Dictionary', min_length: 1, actual_length: 0 }
      }
    ]
  ],
  maxProperties: [
    a({ type: 'object', maxProperties: 0 }),
    { a: { b: 1 } },
    [
      {
        type: 'too_long',
        loc: ['body', 'a'],
        msg: 'Dictionary should have at most 0 items after validation, not 1',
        ctx: { field_type: 'Dictionary', max_length: 0, actual_length: 1 }
      }
    ]
  ],
  uniqueItems: [
    a({ type: 'array', uniqueItems: true }),
    { a: [1, 2, 1] },
    [
      {
        type: 'unique_items',
        loc: ['body', 'a', 2],
        msg: 'List items should be unique',
        ctx: { first: 0, second: 2 }
      }
    ]
  ],
  contains: [
    a({ type: 'array', contains: { const: 1 } }),
    { a: [2] },
    [
      {
        type: 'literal_error',
        loc: ['body', 'a', 0],
        msg: 'Input should be 1',
        ctx: { expected: '1' }
      },
      {
        type: 'list_contains',
        loc: ['body', 'a'],
        msg: 'List should contain at least 1 matching items',
        ctx: { min: 1 }
      }
    ]
  ],
  'minContains and maxContains': [
    a({ type: 'array', contains: { const: 1 }, minContains: 1, maxContains: 2 }),
    { a: [1, 1, 1] },
    [
      {
        type: 'list_contains',
        loc: ['body', 'a'],
        msg: 'List should contain between 1 and 2 matching items',
        ctx: { min: 1, max: 2 }
      }
    ]
  ],
  enum: [
    a({ enum: ['p', 'q', 1] }),
    { a: 'x' },
    [
      {
        type: 'enum',
        loc: ['body', 'a'],
        msg: "Input should be 'p', 'q' or 1",
        ctx: { expected: "'p', 'q' or 1" }
      }
    ]
  ],
  const: [
    a({ const: 'p' }),
    { a: 'x' },
    [
      {
        type: 'literal_error',
        loc: ['body', 'a'],
        msg: "Input should be 'p'",
        ctx: { expected: "'p'" }
      }
    ]
  ],
  not: [
    a({ not: { type: 'integer' } }),
    { a: 1 },
    [{ type: 'not_allowed', loc: ['body', 'a'], msg: 'Input matches a forbidden shape' }]
  ],
  'anyOf, with the reasons of its branches': [
    a({ anyOf: [{ type: 'integer' }, { anyOf: [{ minLength: 5 }] }] }),
    { a: 'x' },
    [
      {
        type: 'int_parsing',
        loc: ['body', 'a'],
        msg: 'Input should be a valid integer, unable to parse string as an integer',
        ctx: { branch: 0 }
      },
      {
        type: 'string_too_short',
        loc: ['body', 'a'],
        msg: 'String should have at least 5 characters',
        ctx: { min_length: 5, branch: 0 }
      }
    ]
  ],
  'oneOf that matches twice': [
    a({ oneOf: [{ type: 'integer' }, { minimum: 0 }] }),
    { a: 1 },
    [
      {
        type: 'union_ambiguous',
        loc: ['body', 'a'],
        msg: 'Input matches more than one exclusive shape',
        ctx: { matches: [0, 1] }
      }
    ]
  ],
  'anyOf without reasons': [
    { ...a({ anyOf: [{ $ref: '#/definitions/n' }] }), definitions: { n: false } },
    { a: 1 },
    [
      { type: 'extra_forbidden', loc: ['body', 'a'], msg: 'Extra inputs are not permitted' },
      {
        type: 'union_mismatch',
        loc: ['body', 'a'],
        msg: 'Input matches none of the allowed shapes',
        ctx: { of: 'anyOf' }
      }
    ]
  ],
  'if, with the reason': [
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    a({ if: { type: 'integer' }, then: { minimum: 2 } }),
    { a: 1 },
    [
      {
        type: 'greater_than_equal',
        loc: ['body', 'a'],
        msg: 'Input should be greater than or equal to 2',
        ctx: { ge: 2 }
      }
    ]
  ],
  'allOf and $ref': [
    { ...a({ allOf: [{ $ref: '#/definitions/n' }] }), definitions: { n: { type: 'integer' } } },
    { a: true },
    [{ type: 'int_type', loc: ['body', 'a'], msg: 'Input should be a valid integer' }]
  ],
  'a discriminator that is missing': [
    discriminated(),
    {},
    [
      {
        type: 'union_tag_not_found',
        loc: ['body'],
        msg: "Unable to extract tag using discriminator 'kind'",
        ctx: { discriminator: 'kind' }
      }
    ]
  ],
  'a discriminator that is unknown': [
    discriminated(),
    { kind: 'z' },
    [
      {
        type: 'union_tag_invalid',
        loc: ['body'],
        msg: "Input tag 'z' found using 'kind' does not match any of the expected tags",
        ctx: { discriminator: 'kind', tag: 'z' }
      }
    ]
  ],
  'a message of ajv-errors': [
    a({ type: 'integer', errorMessage: 'give a number' }),
    { a: 'x' },
    [{ type: 'int_parsing', loc: ['body', 'a'], msg: 'give a number' }]
  ],
  'a keyword of the app': [
    a({ even: true }),
    { a: 3 },
    [
      {
        type: 'value_error',
        loc: ['body', 'a'],
        msg: 'Value error, must pass "even" keyword validation',
        ctx: { keyword: 'even' }
      }
    ]
  ]
}

function discriminated(): Json {
  const branch = (kind: string) => ({ properties: { kind: { const: kind } } })
  return {
    type: 'object',
    discriminator: { propertyName: 'kind' },
    required: ['kind'],
    oneOf: [branch('x'), branch('y')]
  }
}

for (const [name, [schema, body, expected]] of Object.entries(cases)) {
  test(`${name} is reported in Pydantic's words`, async (t) => {
    const issues = await issuesOf(t, schema, body)
    const isDiscriminated = 'discriminator' in schema
    const found = issues.map(({ input: _input, ...issue }) => issue)
    t.same(isDiscriminated ? found.filter(({ type }) => type !== 'missing') : found, expected)
  })
}

const formats: Record<string, [string, string]> = {
  uuid: ['uuid_parsing', 'Input should be a valid UUID'],
  uri: ['url_parsing', 'Input should be a valid URL'],
  date: ['date_from_datetime_parsing', 'Input should be a valid date'],
  'date-time': ['datetime_from_date_parsing', 'Input should be a valid datetime'],
  time: ['time_parsing', 'Input should be in a valid time format'],
  duration: ['time_delta_parsing', 'Input should be a valid timedelta'],
  ipv4: ['ip_v4_address', 'Input is not a valid IPv4 address'],
  ipv6: ['ip_v6_address', 'Input is not a valid IPv6 address'],
  email: ['value_error', 'value is not a valid email address'],
  hostname: ['value_error', 'Value error, must match format "hostname"']
}

test('a missed format has its own words', async (t) => {
  for (const [format, [type, msg]] of Object.entries(formats)) {
    const issues = await issuesOf(t, a({ type: 'string', format }), { a: '\u0000 no' })
    t.same(issues, [{ type, loc: ['body', 'a'], msg, input: '\u0000 no', ctx: { format } }])
  }
})

test('the input of an issue is what it is about', async (t) => {
  t.equal((await issuesOf(t, { propertyNames: { maxLength: 1 } }, { ab: 1 }))[0]?.['input'], 'ab')
  t.equal((await issuesOf(t, { additionalProperties: false }, { a: 7 }))[0]?.['input'], 7)
  t.equal(
    (await issuesOf(t, a({ type: 'array', uniqueItems: true }), { a: [5, 5] }))[0]?.['input'],
    5
  )
})

test('types that are not those of JSON Schema, and lists of one, are described too', (t) => {
  const part = { prefix: 'body', problems: [], isAjv: true, value: [] }
  const errors: [string, Json, Json][] = [
    ['type', { type: 'int8' }, { type: 'value_error', msg: 'Value error, must be int8' }],
    ['type', { type: ['int8'] }, { type: 'value_error', msg: 'Input should be a valid int8' }],
    ['type', { type: ['null'] }, { type: 'none_required', msg: 'Input should be a valid null' }],
    ['enum', { allowedValues: [1] }, { type: 'enum', msg: 'Input should be 1' }],
    ['contains', {}, { type: 'list_contains', msg: /at least 1/ as never }]
  ]
  for (const [keyword, params, description] of errors) {
    const error = { keyword, params, instancePath: '' }
    t.match(describeAjvError(error, 0, [error], part), [{ description }])
  }
  t.end()
})

test('a summary whose reasons are not listed stands for itself', (t) => {
  const part = { prefix: 'body', problems: [], isAjv: true, value: { a: 1 } }
  const summaries: [string, Json, Json][] = [
    ['propertyNames', { propertyName: 'a' }, { type: 'invalid_key', msg: 'Keys should be valid' }],
    ['if', { failingKeyword: 'else' }, { type: 'conditional_mismatch', ctx: { failing: 'else' } }]
  ]
  for (const [keyword, params, description] of summaries) {
    const error = { keyword, params, instancePath: '' }
    t.match(describeAjvError(error, 0, [error], part), [{ description }])
  }
  t.end()
})
