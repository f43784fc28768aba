import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:http2'
import { type AddressInfo, connect as openSocket } from 'node:net'
import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { test } from 'tap'
import errors, {
  ErrorReply,
  type ErrorsOptions,
  HTTPException,
  on,
  RequestValidationError,
  UnauthorisedError,
  WebSocketException
} from '../../lib/errors/index.ts'
import { errorApp, throwing } from './error-app.ts'

const HIDDEN = '{"detail":"Internal Server Error"}'
const SECRET = 'connect postgres://app:hunter2@10.0.0.5'

const ways: Record<string, (reply: { send(value: unknown): unknown }, next: unknown) => unknown> = {
  throws: () => {
    throw new Error(SECRET)
  },
  rejects: async () => {
    throw new Error(SECRET)
  },
  returns: () => new Error(SECRET),
  resolves: async () => new Error(SECRET),
  sends: (reply) => void reply.send(new Error(SECRET)),
  'passes on': (_reply, next) => (next as (error: Error) => unknown)(new Error(SECRET))
}
const keys = {
  status: [404, () => new HTTPException(404)],
  class: [HTTPException, () => new HTTPException(409)],
  session: ['UNAUTHORISED', () => new UnauthorisedError()],
  validation: [RequestValidationError, () => new RequestValidationError([])]
} as const

for (const [way, fail] of Object.entries(ways)) {
  for (const [kind, [key, make]] of Object.entries(keys)) {
    test(`a handler of a ${kind} that ${way} an error of its own is a 500 without its text`, async (t) => {
      const { app, lines } = await errorApp(t)
      const asked: unknown[] = []
      app.setExceptionHandler(key as 404, (_error, _request, reply, context) =>
        fail(reply, (error: unknown) => context.next(error))
      )
      app.setExceptionHandler(Error, (error, _request, _reply, context) => {
        asked.push(error.message)
        return context.next()
      })
      throwing(app, '/', make())
      const reply = await app.inject('/')
      t.equal(reply.statusCode, 500)
      t.equal(reply.body, HIDDEN)
      t.same(asked, [SECRET], 'the catch-all is asked')
      if (way !== 'passes on')
        t.match(
          lines.find(({ level }) => level === 50),
          { err: { message: SECRET, stack: /error-handler\.test/ } }
        )
    })
  }
}

test('a 5xx that nobody threw as an HTTPException is unhandled, with its status', async (t) => {
  const { app, lines } = await errorApp(t)
  const asked: number[] = []
  app.setExceptionHandler(Error, (_error, _request, _reply, context) => {
    asked.push(context.status)
    return context.next()
  })
  throwing(app, '/500', Object.assign(new Error('x'), { statusCode: 500 }))
  throwing(app, '/502', Object.assign(new Error('x'), { statusCode: 502 }))
  app.get(
    '/serialised',
    { schema: { response: { 200: { type: 'object', properties: {} } } } },
    () => ({
      toJSON() {
        throw new Error('x')
      }
    })
  )
  app.get('/code', async (_request, reply) => reply.code(1000))
  for (const [url, status] of [
    ['/500', 500],
    ['/502', 502],
    ['/code', 500]
  ] as const)
    t.equal((await app.inject(url)).statusCode, status, url)
  t.same(asked, [500, 502, 500])
  t.equal(lines.filter(({ level }) => level === 50).length, 3)
})

test('a handler of a 5xx status is asked before the catch-all', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(503, () => ({ by: '503' }))
  app.setExceptionHandler(Error, () => ({ by: 'Error' }))
  throwing(app, '/503', Object.assign(new Error('x'), { statusCode: 503 }))
  throwing(app, '/500', Object.assign(new Error('x'), { statusCode: 500 }))
  t.same((await app.inject('/503')).json(), { by: '503' })
  t.same((await app.inject('/500')).json(), { by: 'Error' })
})

test('hooks of errors do not hear of unknown paths and methods, as in Fastify', async (t) => {
  const { app } = await errorApp(t)
  const heard: string[] = []
  app.addHook('onError', async ({ url }) => void heard.push(url))
  app.get('/known', async () => 'ok')
  throwing(app, '/fails', new HTTPException(409))
  t.equal((await app.inject('/unknown')).statusCode, 404)
  t.equal((await app.inject({ method: 'POST', url: '/known' })).statusCode, 405)
  await app.inject('/fails')
  t.same(heard, ['/fails'])
})

test('plain objects with a status are honoured, as Fastify does', async (t) => {
  const { app, lines } = await errorApp(t)
  throwing(app, '/429', { statusCode: 429, message: 'slow down', headers: { 'set-cookie': 'a=b' } })
  throwing(app, '/503', { statusCode: 503, message: SECRET })
  for (const [index, odd] of [
    { statusCode: 200 },
    { statusCode: '429' },
    { status: 401 },
    {}
  ].entries())
    throwing(app, `/odd-${index}`, odd)
  const reply = await app.inject('/429')
  t.equal(reply.statusCode, 429)
  t.equal(reply.body, '{"detail":"slow down"}')
  t.equal(reply.headers['set-cookie'], undefined)
  t.equal((await app.inject('/503')).body, '{"detail":"Service Unavailable"}')
  for (const index of [0, 1, 2, 3]) t.equal((await app.inject(`/odd-${index}`)).body, HIDDEN)
  t.notMatch(JSON.stringify(lines), 'a=b')
  const { app: wary } = await errorApp(t, { trustStatusCode: 'known' })
  throwing(wary, '/', { statusCode: 429 })
  t.equal((await wary.inject('/')).statusCode, 500)
})

test('headers and texts of an upstream’s error are not passed on', async (t) => {
  const upstream = Object.assign(new Error('user 17 has no access'), {
    statusCode: 403,
    headers: { 'set-cookie': 'upstream=1', 'x-internal': '10.0.0.5' },
    body: { a: 1 }
  })
  for (const expose of [undefined, false, true]) {
    const { app } = await errorApp(t)
    throwing(app, '/', Object.assign(upstream, { expose }))
    const reply = await app.inject('/')
    t.equal(reply.statusCode, 403)
    t.equal(reply.body, expose ? `{"detail":"${upstream.message}"}` : '{"detail":"Forbidden"}')
    t.equal(reply.headers['set-cookie'], undefined)
    t.equal(reply.headers['x-internal'], undefined)
  }
  const { app } = await errorApp(t, { compat: 'fastify' })
  throwing(app, '/', Object.assign(upstream, { expose: undefined }))
  t.match((await app.inject('/')).json(), { message: upstream.message }, 'as Fastify does')
})

test('handlers stand in a record by status and by name of a session error', async (t) => {
  const { app } = await errorApp(t, {
    exceptionHandlers: {
      404: () => ({ by: '404' }),
      500: () => ({ by: '500' }),
      UNAUTHORISED: () => ({ by: 'UNAUTHORISED' })
    }
  })
  throwing(app, '/500', new Error('x'))
  throwing(app, '/session', new UnauthorisedError())
  t.same((await app.inject('/nowhere')).json(), { by: '404' })
  t.same((await app.inject('/500')).json(), { by: '500' })
  t.same((await app.inject('/session')).json(), { by: 'UNAUTHORISED' })
  for (const name of ['999', 'E_X', 'constructor'])
    await t.rejects(errorApp(t, { exceptionHandlers: { [name]: () => 1 } as never }), {
      code: 'SUPERSESSION_INVALID_OPTION'
    })
})

test('a list of handlers that can be read but once is refused', async (t) => {
  const { app } = await errorApp(t)
  function* once() {
    yield on(RangeError, () => 'too far')
  }
  const exceptionHandlers = once()
  t.throws(() => app.get('/', { config: { exceptionHandlers } }, async () => 'ok'), {
    message: /exceptionHandlers/
  })
})

test('what would never be called or sent is refused by name', async (t) => {
  const { app } = await errorApp(t)
  class NotAnError {}
  t.throws(() => app.setExceptionHandler(NotAnError, () => 1), {
    message: /a class that extends Error/
  })
  t.throws(() => new HTTPException(404, 'x', { 'X-Error': '1' } as never), {
    message: /'X-Error'.*headers go into headers/
  })
  t.doesNotThrow(() => new HTTPException(404, 'x', { headers: { 'X-Error': '1' } }))
  const lists = [new Headers({ a: 'b' }), new Map([['a', 'b']]), [['a', 'b']], 'a: b']
  for (const headers of lists as never[]) {
    const refused = { message: /headers of an .* must be an object of names and values/ }
    t.throws(() => new HTTPException(404, 'x', { headers }), refused)
    t.throws(() => new ErrorReply(404, 'x', { headers }), refused)
  }
  t.equal(new HTTPException(404, 'x', { headers: null as never }).headers, undefined)
  t.equal(new ErrorReply(404, 'x', { headers: null as never }).headers, undefined)
})

test('a validation error of the app is a list of issues', async (t) => {
  const { app } = await errorApp(t)
  const issues = [{ type: 'taken', loc: ['body', 'name'], msg: 'Name is taken' }]
  throwing(app, '/', new RequestValidationError(issues))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 422)
  t.same(reply.json(), { detail: issues })
  const wrong = [undefined, null, 'taken', {}, new Set(issues), [null], [{ msg: 'Name is taken' }]]
  for (const given of [...wrong, [{ ...issues[0], loc: 'body' }], [{ ...issues[0], type: 5 }]])
    t.throws(() => new RequestValidationError(given as never), {
      name: 'TypeError',
      message: /a list of issues/
    })
})

test('a forged type of a session error is none of Object’s', async (t) => {
  const { app } = await errorApp(t)
  const types = ['constructor', '__proto__', 'toString', 'hasOwnProperty']
  for (const type of types)
    throwing(app, `/${type}`, Object.assign(new Error('x'), { fromRecipe: 'session', type }))
  for (const type of types) {
    const reply = await app.inject(`/${type}`)
    t.equal(reply.statusCode, 500)
    t.same(reply.json(), { message: 'Unknown error' })
  }
})

async function withNotFound(
  set: (app: FastifyInstance) => unknown,
  options: ErrorsOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors, options)
  set(app)
  return app
}

test('a not-found handler of the app wins, whenever it comes', async (t) => {
  const page = async () => 'index.html'
  const before = Fastify()
  before.setNotFoundHandler(page)
  await before.register(errors)
  const after = await withNotFound((app) => app.setNotFoundHandler(page))
  const inPlugin = await withNotFound((app) =>
    app.register(
      Object.assign(async (scope: FastifyInstance) => void scope.setNotFoundHandler(page), {
        [Symbol.for('skip-override')]: true
      })
    )
  )
  for (const app of [before, after, inPlugin]) {
    t.teardown(() => app.close())
    app.get('/known', async () => 'known')
    t.equal((await app.inject('/client/side/route')).body, 'index.html')
    t.equal((await app.inject('/known')).body, 'known')
  }
})

test('hooks of a not-found handler that came later run before it', async (t) => {
  const ran: string[] = []
  const app = await withNotFound((instance) =>
    instance.setNotFoundHandler(
      {
        preValidation: (_request, _reply, done) => {
          ran.push('preValidation')
          done()
        },
        preHandler: [
          async (request: FastifyRequest, reply: FastifyReply) => {
            ran.push('preHandler')
            if (request.url === '/limited') return reply.code(429).send('slow down')
          }
        ]
      },
      (_request, reply) => {
        ran.push('handler')
        reply.code(404).send('nothing')
      }
    )
  )
  t.teardown(() => app.close())
  t.equal((await app.inject('/x')).body, 'nothing')
  t.same(ran, ['preValidation', 'preHandler', 'handler'])
  t.equal((await app.inject('/limited')).body, 'slow down')
})

test('a not-found handler that came later may answer by a callback', async (t) => {
  const app = await withNotFound((instance) =>
    instance.setNotFoundHandler((_request, reply) => {
      setImmediate(() => reply.send('index.html'))
    })
  )
  t.teardown(() => app.close())
  t.equal((await app.inject('/client/side/route')).body, 'index.html')
})

test('what a not-found handler sends goes through slow hooks once', async (t) => {
  const sent: unknown[] = []
  const app = await withNotFound((instance) =>
    instance.setNotFoundHandler((_request, reply) => {
      reply.send('index.html')
    })
  )
  t.teardown(() => app.close())
  app.addHook('onSend', async (_request, _reply, payload) => {
    await new Promise(setImmediate)
    sent.push(payload)
    return payload
  })
  t.equal((await app.inject('/client/side/route')).body, 'index.html')
  t.same(sent, ['index.html'])
})

test('hooks of a not-found handler that fail are errors', async (t) => {
  const app = await withNotFound((instance) =>
    instance.setNotFoundHandler(
      { preHandler: (_request, _reply, done) => done(new HTTPException(403)) },
      async () => 'nothing'
    )
  )
  t.teardown(() => app.close())
  t.equal((await app.inject('/x')).statusCode, 403)
})

test('a second not-found handler of the app is refused, as Fastify does', async (t) => {
  const app = await withNotFound((instance) => instance.setNotFoundHandler(async () => 'one'))
  t.teardown(() => app.close())
  t.throws(() => app.setNotFoundHandler(async () => 'two'), { message: /already set/ })
})

test('scopes with a prefix have not-found handlers of their own', async (t) => {
  const { app } = await errorApp(t)
  await app.register(async (scope) => scope.setNotFoundHandler(async () => 'v1'), { prefix: '/v1' })
  t.equal((await app.inject('/v1/x')).body, 'v1')
  t.equal((await app.inject('/x')).body, '{"detail":"Not Found"}')
})

test('a WebSocketException may be handled in the table for HTTP', async (t) => {
  const { app } = await errorApp(t, {
    exceptionHandlers: [on(WebSocketException, (error) => ({ code: error.code }))]
  })
  throwing(app, '/', new WebSocketException(4001))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 403)
  t.same(reply.json(), { code: 4001 })
})

test('a header that cannot be sent is left out of what a handler answers', async (t) => {
  for (const isSlow of [false, true]) {
    const { app, lines } = await errorApp(t)
    if (isSlow) app.addHook('onSend', async () => {})
    app.setExceptionHandler(404, (_error, request, reply) =>
      reply.redirect(`/${(request.query as { next: string }).next}`)
    )
    app.setExceptionHandler(RangeError, (_error, _request, reply) => {
      reply.header('x-note', 'a\nb')
      return 'too far'
    })
    app.setExceptionHandler(TypeError, (_error, _request, reply) => {
      reply.header('x-note', 'a\nb')
      throw new HTTPException(410)
    })
    app.setExceptionHandler(EvalError, () => new ErrorReply(400, 'x', { type: 'text/x\r\na: b' }))
    throwing(app, '/far', new RangeError())
    throwing(app, '/gone', new TypeError())
    throwing(app, '/type', new EvalError())
    const found = await app.inject(`/none?next=${encodeURIComponent('世\r\nset-cookie: a=b')}`)
    t.equal(found.statusCode, 302)
    t.equal(found.headers['set-cookie'], undefined)
    t.match(lines, [{ level: 40, header: 'location' }])
    t.equal((await app.inject('/far')).body, 'too far')
    t.equal((await app.inject('/gone')).statusCode, 410)
    t.equal((await app.inject('/type')).statusCode, 400)
  }
})

test('an error has no framing of the body that the route meant to send', async (t) => {
  const { app } = await errorApp(t)
  const upstream: Record<string, string>[] = [
    { 'transfer-encoding': 'chunked' },
    { trailer: 'x-sum' },
    { 'transfer-encoding': 'gzip, chunked', trailer: 'x-sum' }
  ]
  for (const [index, headers] of upstream.entries()) {
    app.get(`/thrown/${index}`, async (_request, reply) => {
      reply.headers(headers)
      throw new HTTPException(404, 'gone')
    })
    app.get(`/handled/${index}`, async () => {
      throw new RangeError(String(index))
    })
  }
  app.setExceptionHandler(RangeError, ({ message }, _request, reply) => {
    reply.headers(upstream[Number(message)] as Record<string, string>)
    return new ErrorReply(404, { detail: 'gone' })
  })
  const origin = await app.listen({ port: 0 })
  for (const path of [
    '/thrown/0',
    '/thrown/1',
    '/thrown/2',
    '/handled/0',
    '/handled/1',
    '/handled/2'
  ]) {
    const reply = await fetch(origin + path)
    t.equal(reply.status, 404, path)
    t.same(await reply.json(), { detail: 'gone' }, path)
    t.equal(reply.headers.get('transfer-encoding'), null, path)
  }
})

test('over HTTP/2 headers of the connection are left out', async (t) => {
  const app = Fastify({ http2: true })
  await app.register(errors)
  app.get('/', async (_request, reply) => {
    reply.header('keep-alive', 'timeout=5').header('http2-settings', 'x')
    throw new HTTPException(409, undefined, { headers: { 'proxy-connection': 'keep-alive' } })
  })
  const client = connect(await app.listen({ port: 0, host: '127.0.0.1' }))
  t.teardown(async () => {
    client.destroy()
    await app.close()
  })
  const stream = client.request({ ':path': '/' }).resume()
  const [headers] = await once(stream, 'response')
  t.equal(headers[':status'], 409)
  t.strictSame(
    Object.keys(headers).filter((name) => /keep-alive|proxy|http2/.test(name)),
    []
  )
  await once(stream, 'end')
})

test('a handler whose stream fails before its first byte has failed', async (t) => {
  const { app, lines } = await errorApp(t)
  const stream = (read: (this: Readable) => void) => new Readable({ read })
  app.setExceptionHandler(RangeError, () => createReadStream('/nowhere/404.html'))
  app.setExceptionHandler(TypeError, (_error, _request, reply) => {
    reply.send(
      stream(function () {
        this.destroy(new Error(SECRET))
      })
    )
  })
  app.setExceptionHandler(EvalError, () => new ErrorReply(400, createReadStream('package.json')))
  app.setExceptionHandler(URIError, () =>
    stream(function () {
      this.push(null)
    })
  )
  throwing(app, '/file', new RangeError())
  throwing(app, '/sent', new TypeError())
  throwing(app, '/good', new EvalError())
  throwing(app, '/empty', new URIError())
  for (const url of ['/file', '/sent']) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, 500)
    t.equal(reply.body, HIDDEN)
  }
  t.match(lines, [{ err: { code: 'ENOENT' } }, { err: { message: SECRET } }])
  const good = await app.inject('/good')
  t.equal(good.statusCode, 400)
  t.equal(good.body, await readFile('package.json', 'utf8'))
  const empty = await app.inject('/empty')
  t.equal(empty.body, '')
})

test('a web stream that fails before its first byte tells nothing of why', async (t) => {
  const { app, lines } = await errorApp(t)
  const failing = () =>
    new ReadableStream({
      pull() {
        throw new Error(SECRET)
      }
    })
  app.setExceptionHandler(RangeError, () => failing())
  app.setExceptionHandler(TypeError, () => new ErrorReply(400, failing()))
  app.setExceptionHandler(EvalError, () => new Response(failing(), { status: 400 }))
  throwing(app, '/stream', new RangeError())
  throwing(app, '/whole', new TypeError())
  throwing(app, '/response', new EvalError())
  for (const url of ['/stream', '/whole', '/response']) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, 500, url)
    t.equal(reply.body, HIDDEN, url)
  }
  t.equal(lines.filter(({ err }) => (err as Error | undefined)?.message === SECRET).length, 3)
})

test('a web stream or Response goes out with its head', async (t) => {
  const { app, lines } = await errorApp(t)
  app.setExceptionHandler(RangeError, () => new Blob(['a stream']).stream())
  app.setExceptionHandler(TypeError, () => {
    const headers = new Headers({ 'content-type': 'text/html', 'content-length': '1', via: 'us' })
    for (const name of ['a', 'b']) headers.append('set-cookie', `${name}=1`)
    return new Response('<p>', { status: 418, headers })
  })
  app.setExceptionHandler(EvalError, () => new Response(null, { status: 304 }))
  throwing(app, '/stream', new RangeError())
  throwing(app, '/response', new TypeError())
  throwing(app, '/empty', new EvalError())
  t.equal((await app.inject('/stream')).body, 'a stream')
  const reply = await app.inject('/response')
  t.equal(reply.statusCode, 418)
  t.equal(reply.body, '<p>')
  t.match(reply.headers, { 'content-type': 'text/html', via: 'us', 'set-cookie': ['a=1', 'b=1'] })
  const empty = await app.inject('/empty')
  t.equal(empty.statusCode, 304)
  t.equal(empty.body, '')
  t.same(
    lines.filter(({ level }) => level === 40),
    [],
    'no header is told to be invalid'
  )
})

test('a status that ends no reply is refused, so that nobody waits for one', async (t) => {
  for (const status of [0, 101, 199, 600, 404.5, Number.NaN])
    t.throws(() => new ErrorReply(status), RangeError, `${status}`)
  const { app, lines } = await errorApp(t)
  app.setExceptionHandler(RangeError, () => new ErrorReply(101))
  app.setExceptionHandler(TypeError, () => Response.error())
  throwing(app, '/own', new RangeError())
  throwing(app, '/of-the-web', new TypeError())
  for (const url of ['/own', '/of-the-web']) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, 500, url)
    t.equal(reply.body, HIDDEN, url)
  }
  const message = 'The status of an ErrorReply must be an integer from 200 to 599'
  t.match(lines, [{ err: { message } }, { err: { message } }])
})

test('a fault of what is told of an error leaves its reply as it is', async (t) => {
  const { app, lines } = await errorApp(t, {
    errorLogLevel: () => {
      throw new TypeError('no level')
    }
  })
  app.addHook('onSend', async () => {})
  const reply = await app.inject('/none')
  t.equal(reply.statusCode, 404)
  t.equal(reply.body, '{"detail":"Not Found"}')
  t.match(lines, [{ level: 50, msg: 'reporting an error failed', err: { message: 'no level' } }])
})

test('a stream with nothing to read yet ends with its client, and is not waited for by HEAD', async (t) => {
  const { app, lines } = await errorApp(t)
  const streams: Readable[] = []
  app.setExceptionHandler(RangeError, () => {
    const stream = new Readable({ read() {} })
    streams.push(stream)
    return stream
  })
  throwing(app, '/', new RangeError())
  t.equal((await app.inject({ method: 'HEAD', url: '/' })).statusCode, 500)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = openSocket(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  while (streams.length < 2) await new Promise((resolve) => setImmediate(resolve))
  socket.destroy()
  await once(streams[1] as Readable, 'close')
  while (!lines.some(({ msg }) => msg === 'client aborted'))
    await new Promise((resolve) => setImmediate(resolve))
  t.equal(lines.filter(({ level }) => level >= 50).length, 1, 'that of HEAD')
})
