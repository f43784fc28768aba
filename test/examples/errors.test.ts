import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import * as httpException from '../../examples/errors/01-http-exception.ts'
import * as customHandler from '../../examples/errors/02-custom-handler.ts'
import * as overrideDefaults from '../../examples/errors/03-override-defaults.ts'
import * as validationBody from '../../examples/errors/04-validation-body.ts'
import * as reuseDefaults from '../../examples/errors/05-reuse-defaults.ts'
import * as errorPages from '../../examples/errors/06-error-pages.ts'
import * as debugTraceback from '../../examples/errors/07-debug-traceback.ts'
import * as websocketExample from '../../examples/errors/08-websocket.ts'
import * as backgroundError from '../../examples/errors/09-background-error.ts'
import * as sessionErrors from '../../examples/errors/10-session-errors.ts'
import * as sessionCallbacks from '../../examples/errors/11-session-callbacks.ts'

async function started(t: Test, build: () => Promise<FastifyInstance>): Promise<FastifyInstance> {
  const app = await build()
  t.teardown(() => app.close())
  return app
}

test('FastAPI: an item that is not there is a 404 with its detail and custom headers', async (t) => {
  const app = await started(t, httpException.build)
  t.same((await app.inject('/items/foo')).json(), { item: 'The Foo Wrestlers' })
  const bar = await app.inject('/items/bar')
  t.equal(bar.statusCode, 404)
  t.same(bar.json(), { detail: 'Item not found' })
  t.same((await app.inject('/items-header/foo')).json(), { item: 'The Foo Wrestlers' })
  const header = await app.inject('/items-header/bar')
  t.equal(header.headers['x-error'], 'There goes my error')
})

test('FastAPI: the unicorn has a handler of its own', async (t) => {
  const app = await started(t, customHandler.build)
  t.same((await app.inject('/unicorns/mo')).json(), { unicorn_name: 'mo' })
  const yolo = await app.inject('/unicorns/yolo')
  t.equal(yolo.statusCode, 418)
  t.same(yolo.json(), { message: 'Oops! yolo did something. There goes a rainbow...' })
})

test('FastAPI: overridden defaults answer in plain text', async (t) => {
  const app = await started(t, overrideDefaults.build)
  const three = await app.inject('/items/3')
  t.equal(three.statusCode, 418)
  t.equal(three.body, "Nope! I don't like 3.")
  t.match(three.headers['content-type'], 'text/plain')
  const foo = await app.inject('/items/foo')
  t.equal(foo.statusCode, 400)
  t.equal(
    foo.body,
    'Validation errors:\nField: path.item_id, Error: Input should be a valid integer, unable to parse string as an integer'
  )
  t.same((await app.inject('/items/4')).json(), { item_id: 4 })
})

test('FastAPI: the invalid body is in the reply', async (t) => {
  const app = await started(t, validationBody.build)
  const payload = { title: 'towel', size: 'XL' }
  const reply = await app.inject({ method: 'POST', url: '/items', payload })
  t.equal(reply.statusCode, 422)
  t.match(reply.json(), {
    detail: [{ type: 'int_parsing', loc: ['body', 'size'], input: 'XL' }],
    body: payload
  })
  const fine = { title: 'towel', size: 7 }
  t.same((await app.inject({ method: 'POST', url: '/items', payload: fine })).json(), fine)
})

test('FastAPI: the defaults are reused', async (t) => {
  const seen: string[] = []
  const app = await started(t, async () => await reuseDefaults.build(seen))
  t.equal((await app.inject('/items/3')).body, '{"detail":"Nope! I don\'t like 3."}')
  t.equal((await app.inject('/items/foo')).statusCode, 422)
  t.same((await app.inject('/items/4')).json(), { item_id: 4 })
  t.same(seen, [
    "OMG! An HTTP error!: HTTPException [418]: Nope! I don't like 3.",
    'OMG! The client sent invalid data!: 1'
  ])
  t.equal((await (await started(t, reuseDefaults.build)).inject('/items/3')).statusCode, 418)
})

test('Starlette: 404 and 500 have pages, other exceptions their class, with their headers', async (t) => {
  const app = await started(t, errorPages.build)
  const missing = await app.inject('/nowhere')
  t.equal(missing.body, '<h1>This page went missing</h1>')
  t.equal(missing.headers['content-type'], 'text/html; charset=utf-8')
  const broken = await app.inject('/broken')
  t.equal(broken.statusCode, 500)
  t.equal(broken.body, '<h1>Something broke</h1>')
  const secret = await app.inject('/secret')
  t.same(secret.json(), { error: 'Who are you?' })
  t.equal(secret.headers['www-authenticate'], 'Basic')
})

test('Starlette: while debugging there is a traceback instead of the 500 handler', async (t) => {
  const { NODE_ENV } = process.env
  t.teardown(() => {
    process.env['NODE_ENV'] = NODE_ENV ?? ''
  })
  process.env['NODE_ENV'] = 'development'
  const app = await started(t, debugTraceback.build)
  const reply = await app.inject({ url: '/', headers: { accept: 'text/html' } })
  t.equal(reply.statusCode, 500)
  t.match(reply.body, 'Look at this line')
  t.match(reply.body, '07-debug-traceback')
})

test('Starlette: sockets are closed with the code of their error', async (t) => {
  const app = await started(t, websocketExample.build)
  await app.listen({ port: 0 })
  const { port } = app.server.address() as AddressInfo
  const endOf = async (text: string) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`)
    return await new Promise((resolve) => {
      socket.on('open', () => socket.send(text))
      socket.on('message', () => socket.send('bye'))
      socket.on('close', (code, reason) => resolve([code, reason.toString()]))
    })
  }
  t.same(await endOf('hi'), [4000, 'bye to you'])
  t.same(await endOf('far too long a text'), [1008, 'too far'])
})

test('Starlette: an error in the background does not change the reply', async (t) => {
  let tell = (_error: unknown) => {}
  const late = new Promise((resolve) => {
    tell = resolve
  })
  const app = await started(t, async () => await backgroundError.build(tell))
  t.same((await app.inject({ method: 'POST', url: '/sign-up' })).json(), { signedUp: true })
  t.match(await late, { message: 'the mail server is down' })
})

test('SuperTokens: session errors are answered by handlers of their names', async (t) => {
  const app = await started(t, sessionErrors.build)
  for (const [url, body] of [
    ['/me', { error_msg: 'unauthorised' }],
    ['/expired', { error_msg: 'try refresh token' }],
    ['/stolen', { error_msg: 'token theft', handle: 'h-1' }]
  ] as const) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, 401)
    t.same(reply.json(), body)
  }
})

test('SuperTokens: session errors are answered by the callbacks of Session.init', async (t) => {
  const app = await started(t, sessionCallbacks.build)
  for (const [url, status, body] of [
    ['/me', 401, { message: 'the request has no access token', login: '/login' }],
    ['/claims', 403, { message: 'invalid claim', missing: ['st-ev'] }],
    ['/stolen', 401, { message: 'h-1 of ada was stolen' }]
  ] as const) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, status)
    t.match(reply.json(), body)
  }
})
