import { Readable } from 'node:stream'
import createError from '@fastify/error'
import Fastify, { errorCodes, type FastifyInstance, type FastifyReply } from 'fastify'
import { test } from 'tap'
import errors, {
  type ErrorClass,
  ErrorReply,
  type ExceptionKey,
  HTTPException,
  httpExceptionHandler,
  on,
  RequestValidationError,
  requestValidationExceptionHandler,
  serverErrorHandler,
  UnauthorisedError
} from '../../lib/errors/index.ts'
import { errorApp, throwing } from './error-app.ts'

class A extends Error {}
class B extends A {}

/** A handler that says which one it is. */
function named(by: string): () => { by: string } {
  return () => ({ by })
}

async function answererOf(app: FastifyInstance, url: string): Promise<unknown> {
  return (await app.inject(url)).json().by
}

test('a handler of a class answers its subclasses', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(A, named('A'))
  throwing(app, '/', new B())
  t.equal(await answererOf(app, '/'), 'A')
})

test('the most specific class wins whatever the order of registration', async (t) => {
  const keys: [ErrorClass, string][] = [
    [Error, 'Error'],
    [A, 'A'],
    [B, 'B']
  ]
  for (const order of [keys, keys.toReversed()]) {
    const { app } = await errorApp(t)
    for (const [key, name] of order) app.setExceptionHandler(key, named(name))
    throwing(app, '/b', new B())
    throwing(app, '/a', new A())
    throwing(app, '/error', new RangeError())
    t.equal(await answererOf(app, '/b'), 'B')
    t.equal(await answererOf(app, '/a'), 'A')
    t.equal(await answererOf(app, '/error'), 'Error')
  }
})

test('a forged constructor property does not choose the handler', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(A, named('A'))
  throwing(app, '/', Object.assign(new Error('x'), { constructor: A }))
  t.equal((await app.inject('/')).statusCode, 500)
})

test('a handler of a status beats the handler of the very class', async (t) => {
  const { app } = await errorApp(t)
  class My extends HTTPException {}
  app.setExceptionHandler(My, named('My'))
  app.setExceptionHandler(404, named('404'))
  throwing(app, '/404', new My(404))
  throwing(app, '/403', new My(403))
  t.equal(await answererOf(app, '/404'), '404')
  t.equal(await answererOf(app, '/403'), 'My')
})

test('a handler of a status sees errors of Fastify, but no session errors', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(415, (error) => ({ by: error.statusCode }))
  app.setExceptionHandler(401, named('401'))
  app.post('/', async () => 'ok')
  throwing(app, '/session', new UnauthorisedError())
  const headers = { 'content-type': 'foo/bar' }
  const reply = await app.inject({ method: 'POST', url: '/', headers, payload: 'x' })
  t.equal(reply.statusCode, 415)
  t.same(reply.json(), { by: 415 })
  t.same((await app.inject('/session')).json(), { message: 'unauthorised' })
})

test('a handler of 422 does not see validation errors', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(422, named('422'))
  const params = { type: 'object', properties: { id: { type: 'integer' } } }
  app.get('/items/:id', { schema: { params } }, async () => 'ok')
  throwing(app, '/thrown', new HTTPException(422))
  t.equal((await app.inject('/items/x')).json().detail.length, 1)
  t.equal(await answererOf(app, '/thrown'), '422')
})

test('a handler of 500 also answers unhandled errors, unless there is one of Error', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(500, named('500'))
  throwing(app, '/plain', new Error('x'))
  throwing(app, '/http', new HTTPException(500, 'y'))
  t.equal(await answererOf(app, '/plain'), '500')
  t.equal(await answererOf(app, '/http'), '500')

  const { app: both } = await errorApp(t)
  both.setExceptionHandler(500, named('500'))
  both.setExceptionHandler(Error, named('Error'))
  throwing(both, '/plain', new Error('x'))
  throwing(both, '/http', new HTTPException(500, 'y'))
  t.equal(await answererOf(both, '/plain'), 'Error')
  t.equal(await answererOf(both, '/http'), '500')
})

test('the catch-all does not take what has an answer of its own', async (t) => {
  const { app } = await errorApp(t)
  const params = { type: 'object', properties: { id: { type: 'integer' } } }
  await app.register(async (child) => {
    child.setExceptionHandler(Error, named('Error'))
    throwing(child, '/http', new HTTPException(404))
    throwing(child, '/foreign', Object.assign(new Error('slow'), { statusCode: 429 }))
    throwing(child, '/session', new UnauthorisedError())
    throwing(child, '/plain', new Error('x'))
    child.get('/items/:id', { schema: { params } }, async () => 'ok')
  })
  t.equal((await app.inject('/http')).body, '{"detail":"Not Found"}')
  t.equal((await app.inject('/foreign')).body, '{"detail":"Too Many Requests"}')
  t.equal((await app.inject('/session')).body, '{"message":"unauthorised"}')
  t.equal((await app.inject('/items/x')).statusCode, 422)
  t.equal(await answererOf(app, '/plain'), 'Error')
})

test('handlers come from the option and from setExceptionHandler', async (t) => {
  const { app } = await errorApp(t, { exceptionHandlers: [on(404, named('option'))] })
  app.setExceptionHandler(409, named('set'))
  throwing(app, '/404', new HTTPException(404))
  throwing(app, '/409', new HTTPException(409))
  throwing(app, '/410', new HTTPException(410))
  t.equal(await answererOf(app, '/404'), 'option')
  t.equal(await answererOf(app, '/409'), 'set')
  t.equal((await app.inject('/410')).body, '{"detail":"Gone"}')
})

test('session errors may be handled by a record of their names', async (t) => {
  const { app } = await errorApp(t, {
    exceptionHandlers: { UNAUTHORISED: (error) => ({ by: error.type }) }
  })
  throwing(app, '/', new UnauthorisedError())
  t.equal(await answererOf(app, '/'), 'UNAUTHORISED')
})

test('a child scope overrides single handlers and inherits the others', async (t) => {
  const { app } = await errorApp(t)
  class C extends Error {}
  app.setExceptionHandler(A, named('root A'))
  app.setExceptionHandler(C, named('root C'))
  await app.register(async (child) => {
    child.setExceptionHandler(A, named('child A'))
    throwing(child, '/child/a', new A())
    throwing(child, '/child/c', new C())
    const exceptionHandlers = [on(A, named('route A'))]
    child.get('/child/route', { config: { exceptionHandlers } }, async () => {
      throw new A()
    })
    child.get('/child/route/c', { config: { exceptionHandlers } }, async () => {
      throw new C()
    })
  })
  await app.register(async (sibling) => {
    throwing(sibling, '/sibling/a', new A())
  })
  t.equal(await answererOf(app, '/child/a'), 'child A')
  t.equal(await answererOf(app, '/child/c'), 'root C')
  t.equal(await answererOf(app, '/sibling/a'), 'root A')
  t.equal(await answererOf(app, '/child/route'), 'route A')
  t.equal(await answererOf(app, '/child/route'), 'route A')
  t.equal(await answererOf(app, '/child/route/c'), 'root C')
})

test('a specific handler of the parent beats the catch-all of the child', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(A, named('root A'))
  await app.register(async (child) => {
    child.setExceptionHandler(Error, named('child Error'))
    throwing(child, '/a', new A())
  })
  t.equal(await answererOf(app, '/a'), 'root A')
})

test('a parent may set handlers after its child did', async (t) => {
  const { app } = await errorApp(t)
  await app.register(async (parent) => {
    await parent.register(async (child) => {
      child.setExceptionHandler(B, named('child B'))
      throwing(child, '/a', new A())
      throwing(child, '/b', new B())
    })
    parent.setExceptionHandler(A, named('parent A'))
  })
  t.equal(await answererOf(app, '/a'), 'parent A')
  t.equal(await answererOf(app, '/b'), 'child B')
})

test('registered again in a child, options are laid over those of the parent', async (t) => {
  const { app } = await errorApp(t, { exceptionHandlers: [on(A, named('root A'))] })
  await app.register(async (child) => {
    child.setExceptionHandler(409, named('child 409'))
    await child.register(errors, { render: 'problem' })
    throwing(child, '/child', new HTTPException(404))
    throwing(child, '/child/a', new A())
    throwing(child, '/child/409', new HTTPException(409))
  })
  throwing(app, '/root', new HTTPException(404))
  t.equal((await app.inject('/child')).json().title, 'Not Found')
  t.same((await app.inject('/root')).json(), { detail: 'Not Found' })
  t.equal(await answererOf(app, '/child/a'), 'root A')
  t.equal(await answererOf(app, '/child/409'), 'child 409')
})

test('two registrations in sibling scopes share nothing', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  for (const name of ['one', 'two']) {
    await app.register(async (scope) => {
      await scope.register(errors, { notFound: false, exceptionHandlers: [on(A, named(name))] })
      throwing(scope, `/${name}`, new A())
    })
  }
  t.equal(await answererOf(app, '/one'), 'one')
  t.equal(await answererOf(app, '/two'), 'two')
  t.equal('setExceptionHandler' in app, false)
})

test('handlers cannot be set once the app is ready', async (t) => {
  const { app } = await errorApp(t)
  await app.ready()
  t.throws(() => app.setExceptionHandler(404, named('late')), {
    code: 'SUPERSESSION_HANDLERS_FROZEN'
  })
})

test('one scope has one handler per key, unless it says that it overrides', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(RangeError, named('first'))
  t.throws(() => app.setExceptionHandler(RangeError, named('second')), {
    code: 'SUPERSESSION_DUPLICATE_HANDLER',
    message: /RangeError/
  })
  const misspelt: object = { overide: true }
  t.throws(() => app.setExceptionHandler(RangeError, named('third'), misspelt), /'override'/)
  app.setExceptionHandler(RangeError, named('third'), { override: true })
  throwing(app, '/', new RangeError())
  t.equal(await answererOf(app, '/'), 'third')
})

test('the plugin registers once per scope', async (t) => {
  const { app } = await errorApp(t)
  await t.rejects(async () => await app.register(errors), {
    code: 'SUPERSESSION_ERRORS_ALREADY_REGISTERED'
  })
})

test('sync and async handlers give the same reply', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(A, (error, _request, reply) => {
    reply.code(418)
    return { message: error.message }
  })
  app.setExceptionHandler(RangeError, async (error, _request, reply) => {
    reply.code(418)
    return { message: error.message }
  })
  throwing(app, '/sync', new A('m'))
  throwing(app, '/async', new RangeError('m'))
  const [sync, async] = [await app.inject('/sync'), await app.inject('/async')]
  t.equal(sync.body, async.body)
  t.equal(sync.statusCode, async.statusCode)
  const { date: _a, ...one } = sync.headers
  const { date: _b, ...two } = async.headers
  t.same(one, two)
})

test('a handler that does not answer is passed over, and the log says so', async (t) => {
  const { app, lines } = await errorApp(t)
  app.setExceptionHandler(A, () => {})
  app.setExceptionHandler(404, async () => {})
  throwing(app, '/a', new A('secret'))
  throwing(app, '/404', new HTTPException(404))
  t.equal((await app.inject('/404')).body, '{"detail":"Not Found"}')
  const noReply = lines.filter(({ msg }) => msg.includes('neither returned nor sent'))
  t.equal(noReply.length, 1)
  t.match(noReply[0], { level: 50, handler: '404' })
  t.equal((await app.inject('/a')).body, '{"detail":"Internal Server Error"}')
})

test('a handler may answer with another exception', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(A, () => {
    throw new HTTPException(418, 't')
  })
  app.setExceptionHandler(RangeError, async () => new HTTPException(418, 'r'))
  throwing(app, '/a', new A())
  throwing(app, '/r', new RangeError())
  t.equal((await app.inject('/a')).body, '{"detail":"t"}')
  const returned = await app.inject('/r')
  t.equal(returned.statusCode, 418)
  t.equal(returned.body, '{"detail":"r"}')
})

test('a handler that rethrows its error runs once and the next one answers', async (t) => {
  const { app } = await errorApp(t)
  let runs = 0
  app.setExceptionHandler(B, (error) => {
    runs++
    throw error
  })
  throwing(app, '/', new B())
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
  t.equal(runs, 1)
})

test('handlers that throw new errors come to an end', async (t) => {
  const { app, lines } = await errorApp(t)
  class Step extends Error {}
  for (const status of [400, 401, 402, 403, 404, 405, 406]) {
    app.setExceptionHandler(status, async () => {
      throw new HTTPException(status + 1)
    })
  }
  app.setExceptionHandler(Step, (error) => {
    throw new Step(`${error.message}!`)
  })
  throwing(app, '/many', new HTTPException(400))
  throwing(app, '/step', new Step('a'))
  const many = await app.inject('/many')
  t.equal(many.statusCode, 500)
  t.equal(many.body, '{"detail":"Internal Server Error"}')
  t.ok(lines.some(({ msg }) => msg === 'handling an error failed'))
  t.equal((await app.inject('/step')).statusCode, 500)
})

test('the first error stays known to handlers and to the log', async (t) => {
  const { app, lines } = await errorApp(t)
  app.setExceptionHandler(A, () => {
    throw new RangeError('second')
  })
  app.setExceptionHandler(RangeError, (_error, _request, _reply, { original, status }) => ({
    original: String(original),
    status
  }))
  throwing(app, '/', new A('first'))
  t.same((await app.inject('/')).json(), { original: 'Error: first', status: 500 })
  t.match(lines.at(-1), { level: 50, err: { message: 'second' } })
  t.match(JSON.stringify(lines.at(-1)), 'first')
})

test('an error of an onSend hook is answered like any other', async (t) => {
  const { app } = await errorApp(t)
  let runs = 0
  app.addHook('onSend', async () => {
    if (++runs === 1) throw new HTTPException(409, 'once')
  })
  app.get('/', async () => 'ok')
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 409)
  t.equal(reply.body, '{"detail":"once"}')
})

const answers: Record<string, (reply: FastifyReply) => unknown> = {
  'a value': () => ({ n: 1 }),
  'reply.send': (reply) => {
    reply.send({ n: 1 })
  },
  'reply.send and reply': (reply) => reply.send({ n: 1 }),
  'an ErrorReply': () => new ErrorReply(418, { n: 1 }, { headers: { 'x-a': '1' } }),
  'a stream': (reply) => {
    reply.type('application/json')
    return Readable.from(['{"n":1}'])
  },
  'a web stream': (reply) => {
    reply.type('application/json')
    return Readable.toWeb(Readable.from(['{"n":1}']))
  },
  'a Buffer': (reply) => {
    reply.type('application/json')
    return Buffer.from('{"n":1}')
  },
  'a web Response': () => Response.json({ n: 1 }, { status: 418 }),
  'an answer from a callback': (reply) => {
    setImmediate(() => reply.send({ n: 1 }))
    return reply
  }
}

for (const [form, answer] of Object.entries(answers)) {
  for (const isAsync of [false, true]) {
    const kind = isAsync ? 'an async' : 'a sync'
    test(`${kind} handler may answer with ${form}, and onSend runs once`, async (t) => {
      const { app } = await errorApp(t)
      let runs = 0
      app.addHook('onSend', async () => {
        runs++
        await new Promise((resolve) => setImmediate(resolve))
      })
      app.setExceptionHandler(418, (_error, _request, reply) => {
        return isAsync ? Promise.resolve().then(() => answer(reply)) : answer(reply)
      })
      throwing(app, '/', new HTTPException(418))
      const reply = await app.inject('/')
      t.equal(reply.statusCode, 418)
      t.same(reply.json(), { n: 1 })
      t.match(reply.headers['content-type'], 'application/json')
      t.equal(runs, 1)
    })
  }
}

test('a handler may redirect, call the not-found handler, send an error or take the socket', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(401, (_error, _request, reply) => reply.redirect('/login'))
  app.setExceptionHandler(402, (_error, _request, reply) => reply.callNotFound())
  app.setExceptionHandler(403, (_error, _request, reply) => reply.send(new HTTPException(409)))
  app.setExceptionHandler(406, (_error, _request, reply) => {
    reply.hijack()
    reply.raw.end('by hand')
  })
  app.setExceptionHandler(407, (error, _request, reply) => reply.send(error))
  for (const status of [401, 402, 403, 406, 407]) {
    throwing(app, `/${status}`, new HTTPException(status))
  }
  const redirect = await app.inject('/401')
  t.equal(redirect.statusCode, 302)
  t.equal(redirect.headers.location, '/login')
  t.equal((await app.inject('/402')).body, '{"detail":"Not Found"}')
  t.equal((await app.inject('/403')).body, '{"detail":"Conflict"}')
  t.equal((await app.inject('/406')).body, 'by hand')
  t.equal((await app.inject('/407')).body, '{"detail":"Proxy Authentication Required"}')
})

test('a handler that fails after it has answered does not answer twice', async (t) => {
  const { app, lines } = await errorApp(t)
  app.addHook('onSend', async () => await new Promise((resolve) => setImmediate(resolve)))
  app.setExceptionHandler(409, (_error, _request, reply) => {
    reply.send({ by: 'first' })
    throw new Error('afterwards')
  })
  app.setExceptionHandler(410, async (_error, _request, reply) => {
    reply.send({ by: 'first' })
    throw new Error('afterwards')
  })
  throwing(app, '/409', new HTTPException(409))
  throwing(app, '/410', new HTTPException(410))
  t.equal((await app.inject('/409')).body, '{"by":"first"}')
  t.equal((await app.inject('/410')).body, '{"by":"first"}')
  t.equal(lines.filter(({ msg }) => msg.includes('after it had answered')).length, 2)
})

test('what a handler answers is not reshaped by schemas, hooks or serialisers', async (t) => {
  const { app } = await errorApp(t)
  app.addHook('preSerialization', async () => ({ reshaped: true }))
  app.setReplySerializer(() => 'reshaped')
  app.setExceptionHandler(409, () => ({ a: 1 }))
  app.setExceptionHandler(410, (_error, _request, reply) => reply.send({ a: 1 }))
  const response = { '4xx': { type: 'object', properties: {} } }
  for (const status of [409, 410, 411]) {
    app.get(`/${status}`, { schema: { response } }, async (_request, reply) => {
      reply.serializer(() => 'left over')
      throw new HTTPException(status)
    })
  }
  t.equal((await app.inject('/409')).body, '{"a":1}')
  t.equal((await app.inject('/410')).body, '{"a":1}')
  t.equal((await app.inject('/411')).body, '{"detail":"Length Required"}')
})

test('text, null, numbers and an own content type go out as they are', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(401, () => 'text')
  app.setExceptionHandler(402, () => null)
  app.setExceptionHandler(403, async () => 7)
  app.setExceptionHandler(405, (_error, _request, reply) =>
    reply.type('application/vnd.api+json').send({ a: 1 })
  )
  app.setExceptionHandler(406, () => new ErrorReply(204, 'ignored'))
  for (const status of [401, 402, 403, 405, 406]) {
    throwing(app, `/${status}`, new HTTPException(status))
  }
  const text = await app.inject('/401')
  t.equal(text.body, 'text')
  t.equal(text.headers['content-type'], 'text/plain; charset=utf-8')
  t.equal((await app.inject('/402')).body, 'null')
  t.equal((await app.inject('/403')).body, '7')
  t.match((await app.inject('/405')).headers['content-type'], 'application/vnd.api+json')
  t.equal((await app.inject('/406')).statusCode, 204)
})

test('what JSON cannot hold of an answer is approximated', async (t) => {
  const { app } = await errorApp(t)
  const hostile = {
    toJSON() {
      throw new Error('no')
    }
  }
  app.setExceptionHandler(409, () => ({ n: 1n, hostile }))
  throwing(app, '/', new HTTPException(409))
  t.same((await app.inject('/')).json(), { n: '1', hostile: '[Unserializable]' })
})

test('the defaults can be reused, by context.next() or called by hand', async (t) => {
  const { app } = await errorApp(t)
  const seen: unknown[] = []
  app.setExceptionHandler(HTTPException, (error, _request, _reply, context) => {
    seen.push(error.statusCode)
    return context.next()
  })
  app.setExceptionHandler(409, (error, request) => {
    return httpExceptionHandler(error as HTTPException, request)
  })
  app.setExceptionHandler(RequestValidationError, requestValidationExceptionHandler)
  app.setExceptionHandler(Error, serverErrorHandler)
  const params = { type: 'object', properties: { id: { type: 'integer' } } }
  app.get('/items/:id', { schema: { params } }, async () => 'ok')
  throwing(app, '/404', new HTTPException(404))
  throwing(app, '/409', new HTTPException(409))
  throwing(app, '/500', new Error('x'))
  t.equal((await app.inject('/404')).body, '{"detail":"Not Found"}')
  t.same(seen, [404])
  t.equal((await app.inject('/409')).body, '{"detail":"Conflict"}')
  t.equal((await app.inject('/items/x')).statusCode, 422)
  t.equal((await app.inject('/500')).body, '{"detail":"Internal Server Error"}')
})

test('context.next() asks the overridden handler, then less specific ones', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(A, named('root A'))
  await app.register(async (child) => {
    child.setExceptionHandler(A, async (_error, _request, _reply, context) => {
      const { by } = (await context.next()) as { by: string }
      return { by: `child A, ${by}` }
    })
    throwing(child, '/', new A())
  })
  t.equal(await answererOf(app, '/'), 'child A, root A')
})

test('context.next() takes another error', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(RangeError, (_error, _request, _reply, context) =>
    context.next(new HTTPException(410, 'gone', { headers: { 'x-a': '1' } }))
  )
  throwing(app, '/', new RangeError())
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 410)
  t.equal(reply.body, '{"detail":"gone"}')
  t.equal(reply.headers['x-a'], '1')
})

test('a handler reads body, params and query as they are at that stage', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(A, (_error, { body, params, query }) => ({ body, params, query }))
  app.post('/:id', async () => {
    throw new A()
  })
  const reply = await app.inject({ method: 'POST', url: '/7?q=1', payload: { x: 1 } })
  t.same(reply.json(), { body: { x: 1 }, params: { id: '7' }, query: { q: '1' } })
})

test('a handler is called on the instance that registered it', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(404, function () {
    return { by: 'place' in this }
  })
  await app.register(async (child) => {
    child.decorate('place', 'child')
    child.setExceptionHandler(409, function () {
      return { by: this.getDecorator('place') }
    })
    throwing(child, '/409', new HTTPException(409))
    throwing(child, '/404', new HTTPException(404))
  })
  t.equal(await answererOf(app, '/409'), 'child')
  t.equal(await answererOf(app, '/404'), false)
})

test('a code beats a status, and a status a class', async (t) => {
  const { app } = await errorApp(t, {}, { bodyLimit: 1 })
  app.setExceptionHandler('FST_ERR_CTP_BODY_TOO_LARGE', named('code'))
  app.setExceptionHandler(413, named('status'))
  app.post('/', async () => 'ok')
  throwing(app, '/413', new HTTPException(413))
  const reply = await app.inject({ method: 'POST', url: '/', payload: { a: 1 } })
  t.same(reply.json(), { by: 'code' })
  t.equal(await answererOf(app, '/413'), 'status')
})

test('classes that decide by Symbol.hasInstance are asked after the prototype chain', async (t) => {
  const { app } = await errorApp(t)
  const SlowError = createError('E_SLOW', 'slow', 503)
  class Hostile {}
  Object.defineProperty(Hostile, Symbol.hasInstance, {
    value: () => {
      throw new Error('no')
    }
  })
  app.setExceptionHandler(Hostile, named('hostile'))
  app.setExceptionHandler(SlowError, named('slow'))
  const copy = createError('E_SLOW', 'slow', 503)
  throwing(app, '/', new copy())
  t.equal(await answererOf(app, '/'), 'slow')
})

test('keys and handlers of a wrong kind are refused by name', async (t) => {
  const { app } = await errorApp(t)
  for (const key of [199, 600, 404.5, '', null, {}, () => {}] as ExceptionKey[]) {
    t.throws(() => app.setExceptionHandler(key, () => 'x'), {
      code: 'SUPERSESSION_INVALID_OPTION',
      option: 'key'
    })
  }
  t.throws(() => app.setExceptionHandler(404, 'x' as never), { message: /'handler'/ })
  t.throws(
    () => app.get('/', { config: { exceptionHandlers: [on(404, 1 as never)] } }, async () => 'x'),
    { message: /'handler'/ }
  )
  for (const entry of [null, undefined, 'x', () => 1])
    t.throws(
      () => app.get('/', { config: { exceptionHandlers: [entry as never] } }, async () => 1),
      {
        message: /'exceptionHandlers' must be a list of on\(key, handler\)/
      }
    )
})

test('getExceptionHandler gives what is in force in a scope', async (t) => {
  const { app } = await errorApp(t)
  const root = () => 'root'
  const own = () => 'own'
  app.setExceptionHandler(404, root)
  await app.register(async (child) => {
    t.equal(child.getExceptionHandler(404), root)
    child.setExceptionHandler(404, own)
    t.equal(child.getExceptionHandler(404), own)
    t.equal(child.getExceptionHandler(A), undefined)
  })
  t.equal(app.getExceptionHandler(404), root)
})

test('the handler of HTTPException sees unknown routes and errors of Fastify, converted', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(HTTPException, (error) => ({
    by: 'HTTPException',
    isOne: error instanceof HTTPException,
    detail: error.detail,
    cause: (error.cause as Error | undefined)?.name
  }))
  app.post('/', async () => 'ok')
  t.match((await app.inject('/nope')).json(), { by: 'HTTPException', detail: 'Not Found' })
  const headers = { 'content-type': 'foo/bar' }
  const reply = await app.inject({ method: 'POST', url: '/', headers, payload: 'x' })
  t.equal(reply.statusCode, 415)
  t.same(reply.json(), {
    by: 'HTTPException',
    isOne: true,
    detail: 'Unsupported Media Type',
    cause: 'FastifyError'
  })
})

test('the error, its code and the class of its code are one key', async (t) => {
  const keys: ExceptionKey[] = [
    RequestValidationError,
    'FST_ERR_VALIDATION',
    errorCodes.FST_ERR_VALIDATION as unknown as ErrorClass
  ]
  const params = { type: 'object', properties: { id: { type: 'integer' } } }
  for (const key of keys) {
    const { app } = await errorApp(t)
    app.setExceptionHandler(key, (error) => ({ by: error instanceof RequestValidationError }))
    app.get('/items/:id', { schema: { params } }, async () => 'ok')
    t.equal(await answererOf(app, '/items/x'), true)
  }
})

test('a class that decides by itself what belongs to it is asked for each error', async (t) => {
  class QuotaError extends Error {
    static override [Symbol.hasInstance](error: unknown) {
      return Object(error).quota === true
    }
  }
  for (const order of [
    ['/quota', '/secret', '/quota'],
    ['/secret', '/quota', '/secret']
  ]) {
    const { app } = await errorApp(t)
    app.setExceptionHandler(QuotaError, (error) => ({ quota: error.message }))
    throwing(app, '/quota', Object.assign(new Error('used up'), { quota: true }))
    throwing(app, '/secret', new Error('connect db.internal'))
    for (const url of order) {
      const expected = url === '/quota' ? { quota: 'used up' } : { detail: 'Internal Server Error' }
      t.same((await app.inject(url)).json(), expected)
    }
  }
})

test('handlers that routes of several scopes share are called on the scope of the route', async (t) => {
  const { app } = await errorApp(t)
  const exceptionHandlers = {
    500(this: FastifyInstance) {
      return { prefix: this.prefix }
    }
  }
  for (const prefix of ['/one', '/two'])
    app.register(
      async (scope) => {
        scope.get('/', { config: { exceptionHandlers } }, async () => {
          throw new Error('x')
        })
      },
      { prefix }
    )
  for (const prefix of ['/one', '/two', '/one'])
    t.same((await app.inject(prefix)).json(), { prefix })
})
