import Fastify from 'fastify'
import { test } from 'tap'
import errors, { HTTPException, on, RequestValidationError } from '../../lib/errors/index.ts'
import { installErrors } from '../../lib/errors/plugin.ts'

class UnicornError extends Error {}

test('one plugin answers exceptions, unknown paths, invalid bodies and unhandled errors', async (t) => {
  const app = Fastify()
  await app.register(errors, {
    exceptionHandlers: [
      on(UnicornError, (error, _request, reply) => {
        return reply.code(418).send({ message: error.message })
      })
    ]
  })
  app.get('/items', () => {
    throw new HTTPException(404, 'Item not found', { headers: { 'x-error': 'e' } })
  })
  app.get('/unicorn', async () => {
    throw new UnicornError('yolo')
  })
  app.get('/broken', async () => {
    throw new Error('secret')
  })
  const body = { type: 'object', properties: { size: { type: 'integer' } } }
  app.post('/sizes', { schema: { body } }, async () => 'ok')

  const item = await app.inject('/items')
  t.equal(item.statusCode, 404)
  t.equal(item.headers['x-error'], 'e')
  t.equal(item.body, '{"detail":"Item not found"}')

  const unicorn = await app.inject('/unicorn')
  t.equal(unicorn.statusCode, 418)
  t.same(unicorn.json(), { message: 'yolo' })

  const broken = await app.inject('/broken')
  t.equal(broken.statusCode, 500)
  t.equal(broken.body, '{"detail":"Internal Server Error"}')

  t.equal((await app.inject('/nope')).body, '{"detail":"Not Found"}')

  const invalid = await app.inject({ method: 'POST', url: '/sizes', payload: { size: 'XL' } })
  t.equal(invalid.statusCode, 422)
  t.same(invalid.json(), {
    detail: [
      {
        type: 'int_parsing',
        loc: ['body', 'size'],
        msg: 'Input should be a valid integer, unable to parse string as an integer',
        input: 'XL'
      }
    ]
  })
  await app.close()
})

test('the sessions plugin hands its settings and handlers to error handling that is there', async (t) => {
  const app = Fastify()
  await app.register(errors, { render: 'problem' })
  installErrors(app, {
    sessionExpiredStatusCode: 440,
    exceptionHandlers: [on(409, () => ({ handedIn: true }))]
  })
  app.get('/', async () => {
    throw new HTTPException(409)
  })
  app.get('/problem', async () => {
    throw new HTTPException(410)
  })
  t.same((await app.inject('/')).json(), { handedIn: true })
  t.match((await app.inject('/problem')).headers['content-type'], 'application/problem+json')
  await app.close()
})

test('the handler of RequestValidationError can read the invalid body', async (t) => {
  const app = Fastify()
  await app.register(errors)
  app.setExceptionHandler(RequestValidationError, (error) => ({
    detail: error.errors().length,
    body: error.body
  }))
  const body = { type: 'object', properties: { size: { type: 'integer' } } }
  app.post('/sizes', { schema: { body } }, async () => 'ok')
  const reply = await app.inject({ method: 'POST', url: '/sizes', payload: { size: 'XL' } })
  t.equal(reply.statusCode, 422)
  t.same(reply.json(), { detail: 1, body: { size: 'XL' } })
  await app.close()
})
