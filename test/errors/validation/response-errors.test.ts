import responseValidation from '@fastify/response-validation'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { test } from 'tap'
import { z } from 'zod'
import { ResponseValidationError } from '../../../lib/errors/index.ts'
import { errorApp } from '../error-app.ts'

const response = {
  200: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] }
}

test('a reply that its schema cannot serialise is a 500, and a handler sees why', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', { schema: { response } }, async () => ({}))
  await app.register(async (child) => {
    child.setExceptionHandler(ResponseValidationError, (error) => ({ errors: error.errors() }))
    child.get('/child', { schema: { response } }, async () => ({}))
  })
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
  const { errors } = (await app.inject('/child')).json()
  t.match(errors, [{ type: 'value_error', loc: ['response'], msg: /"a" is required/ }])
})

test('what @fastify/response-validation refuses is a 500 and not a 422', async (t) => {
  const { app } = await errorApp(t)
  let errors: unknown
  app.setExceptionHandler(ResponseValidationError, (error, _request, _reply, context) => {
    errors = error.errors()
    return context.next()
  })
  await app.register(responseValidation)
  app.get('/', { schema: { response } }, async () => ({ a: 'x' }))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
  t.match(errors, [{ type: 'int_type', loc: ['response', 'a'] }])
})

test('what zod cannot serialise is a 500 with its issues', async (t) => {
  const { app } = await errorApp(t)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setExceptionHandler(ResponseValidationError, (error) => ({ errors: error.errors() }))
  const schema = { response: { 200: z.object({ a: z.number() }) } }
  app.get('/', { schema }, async () => ({ a: 'x' }))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.match(reply.json().errors, [{ loc: ['response', 'a'] }])
})

test('errors with those codes and nothing more are response errors all the same', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(ResponseValidationError, (error) => ({ errors: error.errors() }))
  for (const code of [
    'FST_RESPONSE_VALIDATION_FAILED_VALIDATION',
    'FST_ERR_RESPONSE_SERIALIZATION'
  ]) {
    app.get(`/${code}`, async () => {
      throw Object.assign(new Error('odd'), { code })
    })
  }
  for (const code of [
    'FST_RESPONSE_VALIDATION_FAILED_VALIDATION',
    'FST_ERR_RESPONSE_SERIALIZATION'
  ]) {
    const reply = await app.inject(`/${code}`)
    t.match(reply.json().errors, [{ loc: ['response'], msg: 'Value error, odd' }])
  }
})

test('a problem without parameters is described all the same', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(ResponseValidationError, (error) => ({ errors: error.errors() }))
  app.get('/', async () => {
    const validation = [{ keyword: 'not', instancePath: '' }]
    const code = 'FST_RESPONSE_VALIDATION_FAILED_VALIDATION'
    throw Object.assign(new Error('odd'), { code, validation })
  })
  t.match((await app.inject('/')).json().errors, [{ type: 'not_allowed', loc: ['response'] }])
})

test('an app may throw a ResponseValidationError of its own', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', async () => {
    const error = new ResponseValidationError({ message: 'm', list: () => [], body: { a: 1 } })
    t.same(error.body, { a: 1 })
    throw error
  })
  t.equal((await app.inject('/')).statusCode, 500)
})

test('a payload or a status that cannot be sent is a 500 without its text', async (t) => {
  const { app } = await errorApp(t)
  app.get('/payload', (_request, reply) => reply.type('text/html').send({ a: 1 }))
  app.get('/status', (_request, reply) => reply.code(700).send('x'))
  for (const url of ['/payload', '/status']) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, 500)
    t.equal(reply.body, '{"detail":"Internal Server Error"}')
    t.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
  }
})

test('the log line of an invalid response says of which route it was', async (t) => {
  const { app, lines } = await errorApp(t)
  app.setSerializerCompiler(() => () => {
    throw Object.assign(new Error('x'), { code: 'FST_ERR_RESPONSE_SERIALIZATION' })
  })
  const schema = { response: { 200: { type: 'object' } } }
  app.get('/items/:id', { schema }, async () => ({}))
  t.equal((await app.inject('/items/1')).statusCode, 500)
  const line = lines.find(({ level }) => level === 50)
  t.match(line, { route: '/items/:id', method: 'GET' })
  t.match(line, { err: { endpoint: { method: 'GET', url: '/items/:id' } } })
})
