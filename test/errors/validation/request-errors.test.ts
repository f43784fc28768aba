import Fastify, { type FastifySchema, type FastifyServerOptions } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { type Test, test } from 'tap'
import { z } from 'zod'
import {
  type ErrorsOptions,
  HTTPException,
  RequestValidationError,
  requestValidationExceptionHandler
} from '../../../lib/errors/index.ts'
import { errorApp } from '../error-app.ts'

type Json = Record<string, unknown>

function object(properties: Json, more: Json = {}): Json {
  return { type: 'object', properties, ...more }
}

const integer = { type: 'integer' }

/** An app with one route, `POST /items/:item_id`, and a way to call it. */
async function itemsApp(
  t: Test,
  schema: FastifySchema,
  options: ErrorsOptions = {},
  server: FastifyServerOptions = {}
) {
  const { app, lines } = await errorApp(t, options, server)
  app.post('/items/:item_id', { schema }, async () => 'ok')
  return {
    app,
    lines,
    post: async (url: string, payload?: Json | string, headers: Record<string, string> = {}) =>
      await app.inject({ method: 'POST', url, headers, ...(payload !== undefined && { payload }) })
  }
}

test('an invalid path parameter is a 422 with what, where, why and the input', async (t) => {
  const { post } = await itemsApp(t, { params: object({ item_id: integer }) })
  const reply = await post('/items/foo')
  t.equal(reply.statusCode, 422)
  t.equal(
    reply.body,
    '{"detail":[{"type":"int_parsing","loc":["path","item_id"],"msg":"Input should be a valid integer, unable to parse string as an integer","input":"foo"}]}'
  )
})

test('the status is an option', async (t) => {
  const schema = { params: object({ item_id: integer }) }
  const { post } = await itemsApp(t, schema, { validation: { status: 400 } })
  t.equal((await post('/items/foo')).statusCode, 400)
})

test("compat 'fastify' keeps Fastify's status and body", async (t) => {
  const { post } = await itemsApp(t, { body: object({ n: integer }) }, { compat: 'fastify' })
  const reply = await post('/items/1', { n: 'x' })
  t.equal(reply.statusCode, 400)
  t.same(reply.json(), {
    statusCode: 400,
    error: 'Bad Request',
    message: 'body/n must be integer',
    code: 'FST_ERR_VALIDATION'
  })
  const headers = { 'content-type': 'application/json' }
  const malformed = await post('/items/1', '{"a":', headers)
  t.equal(malformed.statusCode, 400)
  t.match(malformed.json(), { code: 'FST_ERR_CTP_INVALID_JSON_BODY', error: 'Bad Request' })
})

test('locations begin with path, query, header or body', async (t) => {
  const { post } = await itemsApp(t, {
    params: object({ item_id: integer }),
    querystring: object({ q: integer }),
    headers: object({}, { required: ['X-Foo'] }),
    body: object({ n: integer })
  })
  const reply = await post('/items/a?q=b', { n: 'c' })
  t.same(
    reply.json().detail.map(({ loc }: { loc: unknown }) => loc),
    [
      ['path', 'item_id'],
      ['query', 'q'],
      ['header', 'x-foo'],
      ['body', 'n']
    ]
  )
})

test('only array indices are numbers, and pointers are unescaped', async (t) => {
  const { post } = await itemsApp(
    t,
    {
      body: object({
        items: { type: 'array', items: integer },
        x: object({ 0: integer }),
        'a/b~c': integer
      })
    },
    {},
    { ajv: { customOptions: { allErrors: true } } }
  )
  const reply = await post('/items/1', { items: [1, 'p'], x: { 0: 'q' }, 'a/b~c': 'r' })
  t.same(
    reply.json().detail.map(({ loc }: { loc: unknown }) => loc),
    [
      ['body', 'items', 1],
      ['body', 'x', '0'],
      ['body', 'a/b~c']
    ]
  )
})

test('all parts are reported, in the order path, query, header, body', async (t) => {
  const schema = {
    params: object({ item_id: integer }),
    querystring: object({}, { required: ['q'] }),
    body: object({}, { required: ['k'] })
  }
  const { post } = await itemsApp(t, schema)
  const reply = await post('/items/a', {})
  t.same(
    reply.json().detail.map(({ type, loc }: Json) => [type, loc]),
    [
      ['int_parsing', ['path', 'item_id']],
      ['missing', ['query', 'q']],
      ['missing', ['body', 'k']]
    ]
  )
})

test('the remaining parts may have no schema, one per media type, or be valid', async (t) => {
  const { post } = await itemsApp(t, {
    params: object({ item_id: integer }),
    querystring: object({ q: integer }),
    body: {
      content: {
        'application/json': { schema: object({ n: integer }) },
        'text/plain': { schema: { type: 'string', minLength: 3 } }
      }
    }
  })
  const reply = await post('/items/a?q=1', { n: 'x' })
  t.equal(reply.json().detail.length, 2)
  const text = await post('/items/a', 'ab', { 'content-type': 'text/plain' })
  t.match(text.json().detail[1], { type: 'string_too_short', loc: ['body'] })
  const none = await post('/items/a')
  t.equal(none.json().detail.length, 1)
})

test('an absent body is among the problems', async (t) => {
  const schema = { params: object({ item_id: integer }), body: object({}) }
  const { post } = await itemsApp(t, schema)
  t.match((await post('/items/a')).json().detail, [
    { type: 'int_parsing' },
    { type: 'missing', loc: ['body'], input: null }
  ])
})

test('a validator of a later part that throws does not hide the problems before it', async (t) => {
  const { app } = await errorApp(t)
  app.setValidatorCompiler(({ httpPart }) => () => {
    if (httpPart === 'params') return { error: new Error('bad id') }
    throw new TypeError('broken')
  })
  app.get('/:id', { schema: { params: {}, querystring: {} } }, async () => 'ok')
  const reply = await app.inject('/1')
  t.equal(reply.statusCode, 422)
  t.match(reply.json().detail, [{ msg: 'Value error, bad id' }])
})

test('a validator that needs time is not waited for', async (t) => {
  const { app } = await errorApp(t)
  app.setValidatorCompiler(({ httpPart }) => {
    if (httpPart === 'params') return () => ({ error: new Error('bad id') })
    if (httpPart === 'querystring') return () => ({ value: {} })
    return () => Promise.reject(new Error('later')) as never
  })
  const schema = { params: {}, querystring: {}, headers: {} }
  app.get('/:id', { schema }, async () => 'ok')
  const reply = await app.inject('/1')
  t.equal(reply.statusCode, 422)
  t.equal(reply.json().detail.length, 1)
})

test('the error has the issues, the body, the parts and the endpoint', async (t) => {
  const { app, post } = await itemsApp(t, { body: object({ n: integer }) })
  let text = ''
  app.setExceptionHandler(RequestValidationError, (error) => {
    text = String(error)
    const { body, parts, endpoint, name } = error
    return {
      detail: error.errors(),
      isKept: new Set([error.errors(), error.errors()]).size === 1,
      body,
      parts,
      endpoint,
      name
    }
  })
  const reply = await post('/items/1', { n: 'x' })
  t.match(reply.json(), {
    detail: [{ loc: ['body', 'n'] }],
    isKept: true,
    body: { n: 'x' },
    parts: ['body'],
    endpoint: { method: 'POST', url: '/items/:item_id' },
    name: 'RequestValidationError'
  })
  t.match(text, 'endpoint: POST /items/:item_id')
  t.match(text, 'body.n: Input should be a valid integer')
})

test('the log names places and kinds, and no values', async (t) => {
  const { post, lines } = await itemsApp(t, { body: object({ n: integer }) })
  await post('/items/1', { n: 'private' })
  t.match(lines, [{ level: 30, count: 1, issues: [{ loc: ['body', 'n'], type: 'int_parsing' }] }])
  t.notMatch(JSON.stringify(lines), 'private')
})

test('the body is what validation has made of it', async (t) => {
  const body = object(
    { n: integer, z: integer, d: { type: 'string', default: 'dd' } },
    { additionalProperties: false }
  )
  const sent = { n: '5', secret: 'x', z: 'bad' }
  const { app, post } = await itemsApp(t, { body })
  app.setExceptionHandler(RequestValidationError, (error) => ({ body: error.body }))
  const reply = await post('/items/1', sent)
  t.same(reply.json().body, { n: 5, z: 'bad', d: 'dd' })
})

test('malformed JSON is an issue of its own, and the connection is closed', async (t) => {
  const { post } = await itemsApp(t, { body: object({}) })
  const reply = await post('/items/1', '{"a":', { 'content-type': 'application/json' })
  t.equal(reply.statusCode, 422)
  t.equal(reply.headers.connection, 'close')
  t.match(reply.json().detail, [
    {
      type: 'json_invalid',
      loc: ['body'],
      msg: 'JSON decode error',
      input: {},
      ctx: { error: /not valid JSON/ }
    }
  ])
})

test('malformed JSON to an unknown path is reported without an endpoint', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(RequestValidationError, ({ endpoint }) => ({ endpoint }))
  const headers = { 'content-type': 'application/json' }
  const reply = await app.inject({ method: 'POST', url: '/nope', headers, payload: '{' })
  t.same(reply.json(), { endpoint: { method: 'POST', url: '' } })
})

test('an empty or absent body is missing', async (t) => {
  const { post } = await itemsApp(t, { body: object({}) })
  const missing = [{ type: 'missing', loc: ['body'], msg: 'Field required', input: null }]
  t.same((await post('/items/1')).json().detail, missing)
  const empty = await post('/items/1', '', { 'content-type': 'application/json' })
  t.equal(empty.statusCode, 422)
  t.same(empty.json().detail, missing)
})

test('a media type without a parser stays a 415', async (t) => {
  const { post } = await itemsApp(t, { body: object({}) })
  const reply = await post('/items/1', 'x', { 'content-type': 'foo/bar' })
  t.equal(reply.statusCode, 415)
  t.equal(reply.body, '{"detail":"Unsupported Media Type"}')
})

test('with attachValidation the handler finds the error and may throw it', async (t) => {
  const { app } = await errorApp(t)
  const schema = { body: object({ n: integer }) }
  let runs = 0
  const preHandler = [async () => void runs++]
  app.post('/', { schema, attachValidation: true, preHandler }, async (request) => {
    if (request.validationError instanceof RequestValidationError) throw request.validationError
    return 'ok'
  })
  const reply = await app.inject({ method: 'POST', url: '/', payload: { n: 'x' } })
  t.equal(reply.statusCode, 422)
  t.match(reply.json().detail, [{ loc: ['body', 'n'] }])
  t.equal(runs, 1)
  t.equal((await app.inject({ method: 'POST', url: '/', payload: { n: 1 } })).body, 'ok')
})

test('hooks of the route stay, whether one or several', async (t) => {
  const { app } = await errorApp(t)
  const ran: string[] = []
  const hook = (name: string) => async () => void ran.push(name)
  const schema = { body: object({ n: integer }) }
  const preValidation = hook('preValidation')
  app.post(
    '/',
    { schema, attachValidation: true, preValidation, preHandler: hook('preHandler') },
    async () => 'ok'
  )
  await app.inject({ method: 'POST', url: '/', payload: { n: 1 } })
  t.same(ran, ['preValidation', 'preHandler'])
})

test('an attached error of another kind stays what it is', async (t) => {
  const { app } = await errorApp(t)
  app.setValidatorCompiler(() => () => {
    throw new TypeError('broken')
  })
  app.post('/', { schema: { body: {} }, attachValidation: true }, async (request) => {
    return { name: request.validationError?.name }
  })
  const reply = await app.inject({ method: 'POST', url: '/', payload: {} })
  t.same(reply.json(), { name: 'TypeError' })
})

test('issues of zod keep their types', async (t) => {
  const { app } = await errorApp(t)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.post('/', { schema: { body: z.object({ a: z.number() }) } }, async () => 'ok')
  const reply = await app.inject({ method: 'POST', url: '/', payload: { a: 'z' } })
  t.equal(reply.statusCode, 422)
  t.match(reply.json().detail, [{ type: 'invalid_type', loc: ['body', 'a'], input: 'z' }])
})

test('details of Joi are mapped, and any other error is one issue of its part', async (t) => {
  const { app } = await errorApp(t)
  const errors: Record<string, unknown> = {
    '/joi': Object.assign(new Error('"a.0" must be a number'), {
      details: [{ path: ['a', 0], type: 'number.base', message: '"a[0]" must be a number' }]
    }),
    '/odd': Object.assign(new Error('odd'), { details: [{ path: ['x/y'] }] }),
    '/other': new Error('no good'),
    '/value': { toString: 'nothing to read' }
  }
  app.setValidatorCompiler(
    ({ url }) =>
      () =>
        ({ error: errors[String(url)] }) as never
  )
  for (const url of Object.keys(errors)) app.post(url, { schema: { body: {} } }, async () => 'ok')
  const detail = async (url: string) => {
    const reply = await app.inject({ method: 'POST', url, payload: { a: ['z'], 'x/y': 1 } })
    return reply.json().detail
  }
  t.same(await detail('/joi'), [
    { type: 'number.base', loc: ['body', 'a', 0], msg: '"a[0]" must be a number', input: 'z' }
  ])
  t.same(await detail('/odd'), [
    { type: 'value_error', loc: ['body', 'x/y'], msg: 'Invalid input', input: 1 }
  ])
  t.same(await detail('/other'), [
    { type: 'value_error', loc: ['body'], msg: 'Value error, no good' }
  ])
})

test('a validator that throws is a server error', async (t) => {
  const { app } = await errorApp(t)
  app.setValidatorCompiler(() => () => {
    throw new TypeError('secret')
  })
  app.post('/', { schema: { body: {} } }, async () => 'ok')
  const reply = await app.inject({ method: 'POST', url: '/', payload: {} })
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
})

test('a flood of problems is cut off, and so is the message', async (t) => {
  const { app, post } = await itemsApp(
    t,
    { body: object({}, { additionalProperties: integer }), params: object({}) },
    {},
    { ajv: { customOptions: { allErrors: true } }, bodyLimit: 10_000_000 }
  )
  const messages: string[] = []
  app.setExceptionHandler(RequestValidationError, (error, request) => {
    messages.push(error.message, (error.cause as Error).message)
    return requestValidationExceptionHandler(error, request)
  })
  const body = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, 'x']))
  const { detail } = (await post('/items/1', body)).json()
  t.equal(detail.length, 101)
  t.same(detail[100], {
    type: 'too_many_errors',
    loc: ['body'],
    msg: '19900 more errors omitted',
    ctx: { omitted: 19_900 }
  })
  for (const message of messages) t.ok(message.length < 100)
})

test('how many issues are listed is an option, over all parts together', async (t) => {
  const { post } = await itemsApp(
    t,
    { params: object({ item_id: integer }), body: object({ a: integer, b: integer }) },
    { validation: { maxIssues: 1 } },
    { ajv: { customOptions: { allErrors: true } } }
  )
  const { detail } = (await post('/items/x', { a: 'x', b: 'y' })).json()
  t.match(detail, [{ type: 'int_parsing' }, { type: 'too_many_errors', ctx: { omitted: 2 } }])
})

test('secrets and containers are not echoed, and long strings are cut', async (t) => {
  const { post } = await itemsApp(
    t,
    {
      body: object({
        password: integer,
        nested: object({ apiKey: integer }),
        list: integer,
        text: integer
      }),
      headers: object({ authorization: { type: 'string', maxLength: 1 } })
    },
    {},
    { ajv: { customOptions: { allErrors: true, coerceTypes: false } } }
  )
  const body = { password: 'hunter2', nested: { apiKey: 'k' }, list: [1], text: 'x'.repeat(300) }
  const reply = await post('/items/1', body, { authorization: 'Bearer abc' })
  const byField = new Map(
    reply.json().detail.map(({ loc, ...rest }: Json & { loc: unknown[] }) => [loc.at(-1), rest])
  )
  for (const field of ['password', 'apiKey', 'list', 'authorization']) {
    t.notOk('input' in (byField.get(field) as Json), field)
  }
  t.equal((byField.get('text') as Json)['input'], 'x'.repeat(256))
  t.notMatch(reply.body, 'hunter2')
})

test('the echo can be full or none', async (t) => {
  const schema = { body: object({ list: integer, password: integer }) }
  const server = { ajv: { customOptions: { allErrors: true, coerceTypes: false } } } as const
  const payload = { list: [1], password: 'p' }
  const full = await itemsApp(t, schema, { validation: { input: 'full' } }, server)
  t.same((await full.post('/items/1', payload)).json().detail[0].input, [1])
  t.notMatch((await full.post('/items/1', payload)).body, '"p"')
  const none = await itemsApp(t, schema, { validation: { input: 'none' } }, server)
  t.notOk('input' in (await none.post('/items/1', payload)).json().detail[0])
})

test('a full echo copes with input that is not JSON', async (t) => {
  const { app } = await errorApp(t, { validation: { input: 'full' } })
  app.addContentTypeParser('text/x', async () => ({ n: 10n }))
  app.setValidatorCompiler(() => () => ({ error: new Error('no') }))
  app.post('/', { schema: { body: {} } }, async () => 'ok')
  const headers = { 'content-type': 'text/x' }
  const reply = await app.inject({ method: 'POST', url: '/', headers, payload: 'x' })
  t.same(reply.json().detail[0].input, { n: '10' })
})

test("messages may be Ajv's or the app's own, and a pattern may be hidden", async (t) => {
  const schema = { body: object({ code: { type: 'string', pattern: '^[A-Z]$' } }) }
  const first = async (validation: ErrorsOptions['validation']) => {
    const { post } = await itemsApp(t, schema, validation === undefined ? {} : { validation })
    return (await post('/items/1', { code: 'a' })).json().detail[0]
  }
  t.match(await first(undefined), { msg: "String should match pattern '^[A-Z]$'", ctx: {} })
  t.match(await first({ messages: 'ajv' }), { msg: 'must match pattern "^[A-Z]$"' })
  const { app } = await errorApp(t, { validation: { messages: 'ajv' } })
  app.setValidatorCompiler(() => () => ({ error: Object.assign(new Error(), { details: [{}] }) }))
  app.post('/', { schema: { body: {} } }, async () => 'ok')
  const foreign = await app.inject({ method: 'POST', url: '/', payload: {} })
  t.equal(foreign.json().detail[0].msg, 'Value error, Invalid input')
  const messages = (issue: { type: string }, source: unknown, request: { method: string }) =>
    `${request.method} ${issue.type} ${(source as { keyword: string }).keyword}`
  t.match(await first({ messages }), { msg: 'POST string_pattern_mismatch pattern' })
  const hidden = await first({ showPattern: false })
  t.notMatch(JSON.stringify(hidden), 'A-Z')
})

test('the default for validation errors works in an app without the plugin', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/', async (request) => {
    const error = new RequestValidationError({
      message: 'by hand',
      list: () => [{ type: 't', loc: ['body'], msg: 'm' }],
      body: undefined,
      parts: ['body']
    })
    t.equal(error.code, 'FST_ERR_VALIDATION')
    t.match(String(error), '1 validation error')
    return requestValidationExceptionHandler(error, request).body
  })
  t.equal((await app.inject('/')).body, '{"detail":[{"type":"t","loc":["body"],"msg":"m"}]}')
})

test('an error that only looks like one of validation is no 422', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', async () => {
    throw Object.assign(new HTTPException(409), { validation: [{}] })
  })
  t.equal((await app.inject('/')).statusCode, 409)
})

test('with attachValidation everything that Fastify puts on the error is there', async (t) => {
  const schema = { body: object({ n: integer }) }
  const handler = async (request: { validationError?: Error }) => {
    const { validation, validationContext, statusCode, code } = Object(request.validationError)
    return { validation, validationContext, statusCode, code }
  }
  const { app } = await errorApp(t)
  app.post('/', { schema, attachValidation: true }, handler)
  const plain = Fastify()
  t.teardown(() => plain.close())
  plain.post('/', { schema, attachValidation: true }, handler)
  const send = (to: typeof plain) => to.inject({ method: 'POST', url: '/', payload: { n: 'x' } })
  t.same((await send(app as never)).json(), (await send(plain)).json())
  const own = new RequestValidationError([])
  t.match(own, { statusCode: 422, validation: undefined, validationContext: undefined })
})

test('a validator that chooses a status keeps it', async (t) => {
  for (const [statusCode, status] of [
    [409, 409],
    [401, 401],
    [400, 422],
    [500, 500]
  ] as const) {
    const { app } = await errorApp(t)
    app.setValidatorCompiler(() => () => ({
      error: Object.assign(new Error('x'), { statusCode })
    }))
    app.post('/', { schema: { body: {} } }, async () => 'ok')
    const reply = await app.inject({ method: 'POST', url: '/', payload: {} })
    t.equal(reply.statusCode, status, String(statusCode))
  }
})

test('what is named like a secret is not echoed, wherever it stands and however it is spelled', async (t) => {
  const names = [
    'pin',
    'cardPin',
    'card_pin',
    'CVV',
    'cvcCode',
    'jwt',
    'idJwt',
    'authorization',
    'privateKey',
    'private_key',
    'accessToken',
    'otp',
    'password',
    'apiKey',
    'credentials',
    'sessionId',
    'PINCode',
    'pin2',
    'CVVCode',
    'securityCode'
  ]
  const schema = {
    body: object({ deep: object(Object.fromEntries(names.map((name) => [name, integer]))) }),
    querystring: object(Object.fromEntries(names.map((name) => [name, integer])))
  }
  for (const name of names) {
    const { post } = await itemsApp(t, schema)
    const reply = await post(`/items/1?${name}=hunter2`, { deep: { [name]: 'hunter2' } })
    t.equal(reply.statusCode, 422)
    t.notMatch(reply.body, 'hunter2', name)
  }
  const { post } = await itemsApp(t, { body: object({ spinner: integer, opinion: integer }) })
  t.match((await post('/items/1', { spinner: 'shown', opinion: 'shown' })).body, 'shown')
})

test('a body of a client that comes back in an answer takes linear work', async (t) => {
  const { app, post } = await itemsApp(t, { body: object({}, { required: ['k'] }) })
  app.setExceptionHandler(RequestValidationError, (error) => ({ body: error.body }))
  const headers = { 'content-type': 'application/json' }
  const wide = `[${'1,'.repeat(40_000)}1]`
  const objects = `[${'{},'.repeat(250_000)}{}]`
  for (const [payload, expected] of [
    [`{"a":${'['.repeat(4000)}${']'.repeat(4000)}}`, /Too deep/],
    [`{"a":${'{"b":'.repeat(4000)}1${'}'.repeat(4000)}}`, /Too deep/],
    [`{"a":${wide}}`, /1,1,1/],
    [`{"a":${objects}}`, /Too large/]
  ] as const) {
    const reply = await post('/items/1', payload, headers)
    t.equal(reply.statusCode, 422)
    t.match(reply.body.slice(0, 2000) + reply.body.slice(-2000), expected)
  }
})

test('a container is echoed whole without what is named like a secret', async (t) => {
  const list = { type: 'array' }
  const { post } = await itemsApp(t, { body: object({ list }) }, { validation: { input: 'full' } })
  const sent = { name: 'ada', password: 'hunter2', cards: [{ pin: 'hunter2', kind: 'debit' }] }
  const reply = await post('/items/1', { list: sent })
  t.same(reply.json().detail[0].input, { name: 'ada' }, 'cards themselves are named like one')
  const nested = await post('/items/1', { list: { users: [{ name: 'ada', pin: 'hunter2' }] } })
  t.same(nested.json().detail[0].input, { users: [{ name: 'ada' }] })
  const deep = `{"list":{"a":${'['.repeat(500)}${']'.repeat(500)}}}`
  const bounded = await post('/items/1', deep, { 'content-type': 'application/json' })
  t.equal(bounded.statusCode, 422)
})

test('sentences of other validators do not quote what is named like a secret', async (t) => {
  for (const make of [
    (message: string) => ({ details: [{ path: ['password'], type: 'string.pattern', message }] }),
    (message: string) => ({ details: [{ path: ['name'], type: 'string.pattern', message }] })
  ]) {
    const { app } = await errorApp(t)
    app.setValidatorCompiler(() => () => ({
      error: Object.assign(new Error('x'), make('"hunter2" does not match'))
    }))
    app.post('/', { schema: { body: {} } }, async () => 'ok')
    const reply = await app.inject({ method: 'POST', url: '/', payload: { password: 'hunter2' } })
    t.equal(reply.statusCode, 422)
    const isShown = reply.json().detail[0].loc[1] === 'name'
    t.equal(reply.body.includes('hunter2'), isShown)
  }
})

test('what a secret is expected to be is not told', async (t) => {
  const text = { type: 'string' }
  const schema = {
    headers: object({ 'x-api-key': { const: 'srv-secret' }, 'x-mode': { const: 'fast' } }),
    body: object({ pin: { enum: ['1234', '4321'] }, colour: { enum: ['red', 'blue'] } })
  }
  const server = { ajv: { customOptions: { allErrors: true } } } as const
  const { post } = await itemsApp(t, schema, {}, server)
  const headers = { 'x-api-key': 'a', 'x-mode': 'b' }
  const reply = await post('/items/1', { pin: '0000', colour: 'green' }, headers)
  t.equal(reply.statusCode, 422)
  t.notMatch(reply.body, /srv-secret|1234|4321/)
  t.match(reply.body, "'fast'")
  t.match(reply.body, "'red' or 'blue'")
  const tagged = (discriminator: string) => ({
    body: {
      type: 'object',
      required: [discriminator],
      discriminator: { propertyName: discriminator },
      oneOf: [{ properties: { [discriminator]: { const: 'a' } } }]
    },
    headers: object({ x: text })
  })
  const ajv = { customOptions: { discriminator: true, removeAdditional: false } } as const
  for (const [discriminator, input, isShown] of [
    ['kind', 'scalar', true],
    ['kind', 'none', false],
    ['password', 'scalar', false]
  ] as const) {
    const { post } = await itemsApp(t, tagged(discriminator), { validation: { input } }, { ajv })
    const { statusCode, body } = await post('/items/1', { [discriminator]: 'hunter2' })
    t.equal(statusCode, 422)
    t.match(body, 'union_tag_invalid')
    t.equal(body.includes('hunter2'), isShown, `${discriminator}, ${input}`)
  }
  const { post: postLong } = await itemsApp(t, tagged('kind'), {}, { ajv })
  t.ok((await postLong('/items/1', { kind: 'x'.repeat(10_000) })).body.length < 1000)
})

test('a union whose branches remove members of the body is refused as any other', async (t) => {
  const { post } = await itemsApp(t, {
    body: {
      oneOf: [
        object({ tags: { type: 'array', uniqueItems: true } }),
        { ...object({ count: integer }), additionalProperties: false }
      ]
    }
  })
  const reply = await post('/items/1', { tags: [1, 1], count: 'x' })
  t.equal(reply.statusCode, 422)
  t.match(reply.json().detail, [{ type: 'unique_items' }, { loc: ['body', 'count'] }])
})

test('a full echo of many problems is bounded, and so are keys', async (t) => {
  const required = Array.from({ length: 8 }, (_, index) => ({ required: [`field${index}`] }))
  const schema = {
    body: {
      type: 'object',
      properties: { rows: { type: 'array' } },
      anyOf: required,
      propertyNames: { maxLength: 5 }
    }
  }
  const server = { ajv: { customOptions: { allErrors: true } } } as const
  const { post } = await itemsApp(t, schema, { validation: { input: 'full' } }, server)
  const rows = Array.from({ length: 2000 }, (_, index) => ({ index, text: 'x'.repeat(100) }))
  const reply = await post('/items/1', { rows, ['aB'.repeat(50_000)]: 1 })
  t.equal(reply.statusCode, 422)
  t.equal(reply.json().detail.length, 9)
  t.match(reply.json().detail[0].input.rows[0], { index: 0 })
  t.ok(reply.body.length < 400_000, `${reply.body.length} characters`)
})
