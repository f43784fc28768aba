import { shortened } from './echoed-input.ts'

/** An error as Ajv reports it, and validators that imitate Ajv. */
export interface AjvError {
  readonly keyword: string
  readonly instancePath: string
  readonly schemaPath?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly message?: string
  /** On errors inside `propertyNames`: the key that was looked at. */
  readonly propertyName?: string
}

/** Whether a value can be read as an Ajv error; foreign validators put other things into the list. */
export function isAjvError(value: unknown): value is AjvError {
  return (
    typeof value === 'object' &&
    value !== null &&
    'keyword' in value &&
    typeof value.keyword === 'string' &&
    'instancePath' in value &&
    typeof value.instancePath === 'string'
  )
}

/** What a keyword's failure is called, and where below the instance it belongs. */
export interface Description {
  readonly type: string
  readonly msg: string
  readonly ctx?: Record<string, unknown>
  /** Appended to the location. */
  readonly suffix?: readonly (string | number)[]
}

/** What a value that misses its `format` is called: Pydantic's slug and sentence. */
const formats: Readonly<Record<string, { readonly type: string; readonly msg: string }>> = {
  uuid: { type: 'uuid_parsing', msg: 'Input should be a valid UUID' },
  date: { type: 'date_from_datetime_parsing', msg: 'Input should be a valid date' },
  time: { type: 'time_parsing', msg: 'Input should be in a valid time format' },
  'iso-time': { type: 'time_parsing', msg: 'Input should be in a valid time format' },
  'date-time': { type: 'datetime_from_date_parsing', msg: 'Input should be a valid datetime' },
  'iso-date-time': { type: 'datetime_from_date_parsing', msg: 'Input should be a valid datetime' },
  duration: { type: 'time_delta_parsing', msg: 'Input should be a valid timedelta' },
  ipv4: { type: 'ip_v4_address', msg: 'Input is not a valid IPv4 address' },
  ipv6: { type: 'ip_v6_address', msg: 'Input is not a valid IPv6 address' },
  int32: { type: 'int_type', msg: 'Input should be a valid integer' },
  int64: { type: 'int_type', msg: 'Input should be a valid integer' },
  float: { type: 'float_type', msg: 'Input should be a valid number' },
  double: { type: 'float_type', msg: 'Input should be a valid number' },
  email: { type: 'value_error', msg: 'value is not a valid email address' },
  'idn-email': { type: 'value_error', msg: 'value is not a valid email address' },
  uri: { type: 'url_parsing', msg: 'Input should be a valid URL' },
  'uri-reference': { type: 'url_parsing', msg: 'Input should be a valid URL' },
  url: { type: 'url_parsing', msg: 'Input should be a valid URL' },
  iri: { type: 'url_parsing', msg: 'Input should be a valid URL' },
  'iri-reference': { type: 'url_parsing', msg: 'Input should be a valid URL' }
}

type Params = Readonly<Record<string, unknown>>
type Describe = (params: Params, value: unknown) => Description

interface TypeNames {
  /** The slug for a value that is of another type altogether. */
  readonly slug: string
  readonly noun: string
  /** For values that could have been read as the type: slug and the rest of the sentence. */
  readonly parsing?: (value: unknown) => { readonly slug: string; readonly why: string } | undefined
}

const types: Readonly<Record<string, TypeNames>> = {
  integer: {
    slug: 'int_type',
    noun: 'integer',
    parsing: (value) => {
      if (typeof value === 'string') {
        return { slug: 'int_parsing', why: 'unable to parse string as an integer' }
      }
      if (typeof value === 'number') {
        return { slug: 'int_from_float', why: 'got a number with a fractional part' }
      }
      return undefined
    }
  },
  number: {
    slug: 'float_type',
    noun: 'number',
    parsing: (value) =>
      typeof value === 'string'
        ? { slug: 'float_parsing', why: 'unable to parse string as a number' }
        : undefined
  },
  boolean: {
    slug: 'bool_type',
    noun: 'boolean',
    parsing: (value) =>
      typeof value === 'string' || typeof value === 'number'
        ? { slug: 'bool_parsing', why: 'unable to interpret input' }
        : undefined
  },
  string: { slug: 'string_type', noun: 'string' },
  null: { slug: 'none_required', noun: 'null' },
  array: { slug: 'list_type', noun: 'list' },
  object: { slug: 'model_attributes_type', noun: 'dictionary or object to extract fields from' }
}

function describeType({ type }: Params, value: unknown): Description {
  if (Array.isArray(type)) return describeTypes(type)
  const names = types[String(type)]
  if (names === undefined) return { type: 'value_error', msg: `Value error, must be ${type}` }
  if (type === 'null') return { type: names.slug, msg: 'Input should be null' }
  const msg = `Input should be a valid ${names.noun}`
  const parsing = names.parsing?.(value)
  return parsing === undefined
    ? { type: names.slug, msg }
    : { type: parsing.slug, msg: `${msg}, ${parsing.why}` }
}

function describeTypes(list: readonly string[]): Description {
  const first = list.find((type) => type !== 'null') ?? 'null'
  const expected = inWords(
    list.map((type) => (type === 'object' ? 'object' : (types[type]?.noun ?? type)))
  )
  return {
    type: types[first]?.slug ?? 'value_error',
    msg: `Input should be a valid ${expected}`,
    ctx: { expected }
  }
}

function missing(property: unknown, ctx?: Record<string, unknown>): Description {
  const description = { type: 'missing', msg: 'Field required', suffix: [String(property)] }
  return ctx === undefined ? description : { ...description, ctx }
}

function forbidden(...suffix: string[]): Description {
  return { type: 'extra_forbidden', msg: 'Extra inputs are not permitted', suffix }
}

function textLength(bound: 'min' | 'max'): Describe {
  return ({ limit }) => ({
    type: bound === 'min' ? 'string_too_short' : 'string_too_long',
    msg: `String should have at ${bound === 'min' ? 'least' : 'most'} ${counted(limit, 'character')}`,
    ctx: { [`${bound}_length`]: limit }
  })
}

function size(fieldType: 'List' | 'Dictionary', bound: 'min' | 'max'): Describe {
  return ({ limit }, value) => {
    const actual = Array.isArray(value) ? value.length : Object.keys(Object(value)).length
    const most = `at ${bound === 'min' ? 'least' : 'most'} ${counted(limit, 'item')}`
    return {
      type: bound === 'min' ? 'too_short' : 'too_long',
      msg: `${fieldType} should have ${most} after validation, not ${actual}`,
      ctx: { field_type: fieldType, [`${bound}_length`]: limit, actual_length: actual }
    }
  }
}

function limit(type: string, phrase: string, name: string): Describe {
  return ({ limit }) => ({
    type,
    msg: `Input should be ${phrase} ${limit}`,
    ctx: { [name]: limit }
  })
}

const atLeast = limit('greater_than_equal', 'greater than or equal to', 'ge')
const moreThan = limit('greater_than', 'greater than', 'gt')
const atMost = limit('less_than_equal', 'less than or equal to', 'le')
const lessThan = limit('less_than', 'less than', 'lt')

function describeContains({ minContains, maxContains }: Params): Description {
  const [min, max] = [minContains ?? 1, maxContains ?? null]
  const range = max === null ? `at least ${min}` : `between ${min} and ${max}`
  return {
    type: 'list_contains',
    msg: `List should contain ${range} matching items`,
    ctx: max === null ? { min } : { min, max }
  }
}

function describeFormat({ format }: Params): Description {
  const known = formats[String(format)] ?? {
    type: 'value_error',
    msg: `Value error, must match format "${format}"`
  }
  return { ...known, ctx: { format } }
}

function describeDiscriminator({ error, tag, tagValue }: Params): Description {
  const ctx = { discriminator: tag }
  if (error === 'tag') {
    return {
      type: 'union_tag_not_found',
      msg: `Unable to extract tag using discriminator '${tag}'`,
      ctx
    }
  }
  return {
    type: 'union_tag_invalid',
    msg: `Input tag '${shortened(String(tagValue))}' found using '${tag}' does not match any of the expected tags`,
    ctx: { ...ctx, tag: shortened(String(tagValue)) }
  }
}

function describeUnion(of: 'anyOf' | 'oneOf'): Describe {
  return ({ passingSchemas }) =>
    Array.isArray(passingSchemas)
      ? {
          type: 'union_ambiguous',
          msg: 'Input matches more than one exclusive shape',
          ctx: { matches: passingSchemas }
        }
      : { type: 'union_mismatch', msg: 'Input matches none of the allowed shapes', ctx: { of } }
}

/** One entry per Ajv keyword; the slugs are Pydantic's where it has the notion. */
export const keywords: Readonly<Record<string, Describe>> = {
  type: describeType,
  required: ({ missingProperty }) => missing(missingProperty),
  dependencies: ({ property, missingProperty }) =>
    missing(missingProperty, { required_by: property }),
  dependentRequired: ({ property, missingProperty }) =>
    missing(missingProperty, { required_by: property }),
  additionalProperties: ({ additionalProperty }) => forbidden(String(additionalProperty)),
  unevaluatedProperties: ({ unevaluatedProperty }) => forbidden(String(unevaluatedProperty)),
  'false schema': () => forbidden(),
  propertyNames: ({ propertyName }) => ({
    type: 'invalid_key',
    msg: 'Keys should be valid',
    suffix: [String(propertyName), '[key]']
  }),
  minLength: textLength('min'),
  maxLength: textLength('max'),
  pattern: ({ pattern }) => ({
    type: 'string_pattern_mismatch',
    msg: `String should match pattern '${pattern}'`,
    ctx: { pattern }
  }),
  minimum: atLeast,
  exclusiveMinimum: moreThan,
  maximum: atMost,
  exclusiveMaximum: lessThan,
  formatMinimum: atLeast,
  formatExclusiveMinimum: moreThan,
  formatMaximum: atMost,
  formatExclusiveMaximum: lessThan,
  multipleOf: ({ multipleOf }) => ({
    type: 'multiple_of',
    msg: `Input should be a multiple of ${multipleOf}`,
    ctx: { multiple_of: multipleOf }
  }),
  minItems: size('List', 'min'),
  maxItems: size('List', 'max'),
  additionalItems: size('List', 'max'),
  unevaluatedItems: size('List', 'max'),
  minProperties: size('Dictionary', 'min'),
  maxProperties: size('Dictionary', 'max'),
  uniqueItems: ({ i, j }) => ({
    type: 'unique_items',
    msg: 'List items should be unique',
    suffix: [Number(i)],
    ctx: { first: j, second: i }
  }),
  contains: describeContains,
  minContains: describeContains,
  maxContains: describeContains,
  enum: ({ allowedValues }) => {
    const expected = inWords((allowedValues as unknown[]).map(literal))
    return { type: 'enum', msg: `Input should be ${expected}`, ctx: { expected } }
  },
  const: ({ allowedValue }) => {
    const expected = literal(allowedValue)
    return { type: 'literal_error', msg: `Input should be ${expected}`, ctx: { expected } }
  },
  not: () => ({ type: 'not_allowed', msg: 'Input matches a forbidden shape' }),
  anyOf: describeUnion('anyOf'),
  oneOf: describeUnion('oneOf'),
  discriminator: describeDiscriminator,
  if: ({ failingKeyword }) => ({
    type: 'conditional_mismatch',
    msg: 'Input does not satisfy a conditional rule',
    ctx: { failing: failingKeyword }
  }),
  format: describeFormat
}

/** A keyword that is not Ajv's own: from ajv-keywords, or the app's. */
export function describeUnknown({ keyword, message, params = {} }: AjvError): Description {
  const scalars = Object.entries(params).filter(([, value]) => Object(value) !== value)
  return {
    type: 'value_error',
    msg: `Value error, ${message}`,
    ctx: { keyword, ...Object.fromEntries(scalars) }
  }
}

function counted(count: unknown, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value)
}

/** `a`, `a or b`, `a, b or c`. */
function inWords(words: readonly string[]): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
