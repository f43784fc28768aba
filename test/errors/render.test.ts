import { test } from 'tap'
import { type ErrorRenderer, HTTPException, renderFastify } from '../../lib/errors/index.ts'
import { errorApp, throwing } from './error-app.ts'

test('a problem has type, title, status and detail, in its own media type', async (t) => {
  const { app } = await errorApp(t, { render: 'problem' })
  throwing(app, '/', new HTTPException(409, 'taken', { code: 'E_TAKEN' }))
  const reply = await app.inject('/')
  t.equal(reply.headers['content-type'], 'application/problem+json; charset=utf-8')
  t.same(reply.json(), {
    type: 'about:blank',
    title: 'Conflict',
    status: 409,
    detail: 'taken',
    code: 'E_TAKEN'
  })
})

test('members of an object detail become members of the problem, but for the reserved ones', async (t) => {
  const { app } = await errorApp(t, { render: 'problem' })
  const detail = JSON.parse('{"balance":3,"status":7,"__proto__":{"x":1}}')
  throwing(app, '/', new HTTPException(402, detail))
  throwing(app, '/list', new HTTPException(402, [1]))
  const problem = { type: 'about:blank', title: 'Payment Required', status: 402 }
  t.same((await app.inject('/')).json(), { ...problem, balance: 3 })
  t.same((await app.inject('/list')).json(), problem)
})

test('issues of a problem point into the document', async (t) => {
  const { app } = await errorApp(t, { render: 'problem' })
  const body = {
    type: 'object',
    properties: { 'a/b~': { type: 'array', items: { type: 'integer' } } }
  }
  app.post('/', { schema: { body } }, async () => 'ok')
  const reply = await app.inject({ method: 'POST', url: '/', payload: { 'a/b~': ['x'] } })
  t.match(reply.json(), { title: 'Unprocessable Entity', errors: [{ pointer: '#/a~1b~0/0' }] })
})

test('a renderer of the app decides on type and body; one that fails is replaced', async (t) => {
  const text: ErrorRenderer = ({ status, detail }) => ({
    type: 'text/plain',
    body: `${status} ${detail}`
  })
  const { app } = await errorApp(t, { render: text })
  throwing(app, '/', new HTTPException(404))
  const reply = await app.inject('/')
  t.equal(reply.body, '404 Not Found')
  t.match(reply.headers['content-type'], 'text/plain')

  const { app: bytes } = await errorApp(t, { render: () => ({ body: Buffer.from('{}') }) })
  throwing(bytes, '/', new HTTPException(404))
  t.equal((await bytes.inject('/')).body, '{}')

  const { app: none } = await errorApp(t, { render: () => ({ body: undefined }) })
  throwing(none, '/', new HTTPException(404))
  t.equal((await none.inject('/')).body, 'null')

  const failing: ErrorRenderer = () => {
    throw new Error('broken')
  }
  const { app: broken, lines } = await errorApp(t, { render: failing })
  throwing(broken, '/', new HTTPException(404))
  t.equal((await broken.inject('/')).body, '{"detail":"Not Found"}')
  t.ok(lines.some(({ msg }) => msg === 'an error renderer failed'))
})

test("Fastify's form falls back on the error's message where the detail is no text", (t) => {
  const error = new Error('message')
  t.match(renderFastify({ status: 400, error, detail: { a: 1 } }).body, { message: 'message' })
  t.match(renderFastify({ status: 400, error: 'odd', detail: { a: 1 } }).body, { message: '' })
  t.end()
})
