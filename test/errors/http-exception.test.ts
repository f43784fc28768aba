import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { test } from 'tap'
import { HTTPException } from '../../lib/errors/index.ts'
import { errorApp, throwing } from './error-app.ts'

test('an exception answers with its status, its detail as JSON and its headers', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/a', new HTTPException(418, { a: [1, null] }, { headers: { 'X-E': '1' } }))
  const reply = await app.inject('/a')
  t.equal(reply.statusCode, 418)
  t.equal(reply.body, '{"detail":{"a":[1,null]}}')
  t.equal(reply.headers['x-e'], '1')
  t.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
  t.equal(reply.headers['content-length'], String(reply.body.length))
})

test('without a detail the reason phrase is the detail', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/404', new HTTPException(404))
  throwing(app, '/422', new HTTPException(422))
  throwing(app, '/499', new HTTPException(499))
  t.equal((await app.inject('/404')).body, '{"detail":"Not Found"}')
  t.equal((await app.inject('/422')).body, '{"detail":"Unprocessable Entity"}')
  t.equal((await app.inject('/499')).body, '{"detail":"Error"}')
})

test('a detail of null stays null', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/', new HTTPException(409, null))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 409)
  t.equal(reply.body, '{"detail":null}')
})

test('statuses without a body keep the headers and send nothing else', async (t) => {
  const { app } = await errorApp(t)
  const statuses = [204, 205, 304]
  for (const status of statuses) {
    throwing(app, `/${status}`, new HTTPException(status, 'x', { headers: { 'x-e': '1' } }))
  }
  for (const status of statuses) {
    const reply = await app.inject(`/${status}`)
    t.equal(reply.statusCode, status)
    t.equal(reply.body, '')
    t.equal(reply.headers['x-e'], '1')
    t.equal(reply.headers['content-type'], undefined)
    t.equal(reply.headers['content-length'], status === 205 ? '0' : undefined)
  }
})

test('an exception may carry a success or a redirect', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/200', new HTTPException(200, 'x'))
  throwing(app, '/303', new HTTPException(303, null, { headers: { location: '/l' } }))
  const ok = await app.inject('/200')
  t.equal(ok.statusCode, 200)
  t.equal(ok.body, '{"detail":"x"}')
  const redirect = await app.inject('/303')
  t.equal(redirect.statusCode, 303)
  t.equal(redirect.headers.location, '/l')
})

test('a status that cannot be sent is a RangeError where the exception is made', async (t) => {
  const { app, lines } = await errorApp(t)
  app.get('/', async () => {
    throw new HTTPException(700)
  })
  for (const status of [100, 199, 600, 404.5, Number.NaN]) {
    t.throws(() => new HTTPException(status), RangeError)
  }
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
  t.equal(lines.filter(({ level }) => level === 50).length, 1)
})

test('subclasses are exceptions, under their own names', async (t) => {
  const { app } = await errorApp(t)
  class Teapot extends HTTPException {}
  throwing(app, '/', new Teapot(418))
  t.equal((await app.inject('/')).body, '{"detail":"I\'m a Teapot"}')
  const teapot = new Teapot(418)
  t.equal(teapot.name, 'Teapot')
  t.ok(teapot instanceof HTTPException)
  t.ok(teapot instanceof Teapot)
  t.notOk(new HTTPException(418) instanceof Teapot)
})

test('an exception of another copy of the package is an exception', async (t) => {
  const { app } = await errorApp(t)
  const file = new URL('../../lib/errors/http-exception.js?copy', import.meta.url)
  const copy: typeof import('../../lib/errors/http-exception.ts') = await import(file.href)
  const foreign = new copy.HTTPException(409, 'from a copy')
  t.not(copy.HTTPException, HTTPException)
  t.ok(foreign instanceof HTTPException)
  t.notOk(new Error('no') instanceof HTTPException)
  t.notOk(HTTPException.isHTTPException({ statusCode: 404 }))
  throwing(app, '/', foreign)
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 409)
  t.equal(reply.body, '{"detail":"from a copy"}')
})

test('text and JSON forms hold no stack, cause or headers', (t) => {
  const exception = new HTTPException(404, undefined, {
    headers: { 'x-a': '1' },
    cause: new Error('db')
  })
  t.equal(String(exception), 'HTTPException [404]: Not Found')
  t.equal(exception.message, 'Not Found')
  t.equal(new HTTPException(404, { a: 1 }).message, 'Not Found')
  t.equal(JSON.stringify(exception), '{"statusCode":404,"detail":"Not Found"}')
  t.same(new HTTPException(404, 'x', { code: 'E' }).toJSON(), {
    statusCode: 404,
    detail: 'x',
    code: 'E'
  })
  t.end()
})

test('detail and headers are not enumerable, so that loggers do not copy them', (t) => {
  const exception = new HTTPException(404, 'x', { headers: { 'x-a': '1' } })
  t.same(Object.keys(exception).sort(), ['code', 'name', 'statusCode'])
  t.throws(() => Object.assign(exception.headers ?? {}, { 'x-b': '2' }), TypeError)
  t.end()
})

test('headers of the exception go out with the reply of a custom handler', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(401, () => ({ a: 1 }))
  throwing(app, '/', new HTTPException(401, 'x', { headers: { 'www-authenticate': 'Bearer' } }))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 401)
  t.equal(reply.body, '{"a":1}')
  t.equal(reply.headers['www-authenticate'], 'Bearer')
})

test('a handler can take a header off, and an app can keep them for default replies', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(401, (_error, _request, reply) => {
    reply.removeHeader('www-authenticate')
    return { a: 1 }
  })
  const headers = { 'www-authenticate': 'Bearer' }
  throwing(app, '/', new HTTPException(401, 'x', { headers }))
  t.equal((await app.inject('/')).headers['www-authenticate'], undefined)
})

test('cookies and other headers set before the throw stay, those of the body go', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', async (_request, reply) => {
    reply.header('set-cookie', 'a=1').header('etag', '"x"').header('x-request-id', 'r')
    throw new HTTPException(409)
  })
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 409)
  t.same(reply.headers['set-cookie'], 'a=1')
  t.equal(reply.headers['x-request-id'], 'r')
  t.equal(reply.headers.etag, undefined)
})

test('of cookies with one name, domain and path the last one is sent', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', async (_request, reply) => {
    for (const cookie of ['a=1; Path=/', 'b=2; Path=/', 'a=3; path=/', 'a=4; Path=/x']) {
      reply.header('set-cookie', cookie)
    }
    throw new HTTPException(409, 'x', { headers: { 'set-cookie': 'c=5' } })
  })
  t.same((await app.inject('/')).headers['set-cookie'], [
    'b=2; Path=/',
    'a=3; path=/',
    'a=4; Path=/x',
    'c=5'
  ])
})

test('which headers are stripped is an option', async (t) => {
  const expected = {
    none: { etag: '"x"', 'x-a': '1' },
    all: { etag: undefined, 'x-a': undefined }
  }
  for (const stripHeaders of ['none', 'all'] as const) {
    const { app } = await errorApp(t, { stripHeaders })
    app.get('/', async (_request, reply) => {
      reply.header('etag', '"x"').header('x-a', '1').type('text/csv')
      throw new HTTPException(409)
    })
    const { headers } = await app.inject('/')
    t.equal(headers.etag, expected[stripHeaders].etag)
    t.equal(headers['x-a'], expected[stripHeaders]['x-a'])
    t.equal(headers['content-type'], 'application/json; charset=utf-8')
  }
  const { app } = await errorApp(t, { stripHeaders: ['X-A'] })
  app.get('/', async (_request, reply) => {
    reply.header('etag', '"x"').header('x-a', '1')
    throw new HTTPException(409)
  })
  t.match((await app.inject('/')).headers, { etag: '"x"', 'x-a': undefined })
})

test('a detail that JSON cannot hold is approximated and keeps the status', async (t) => {
  const { app, lines } = await errorApp(t)
  const cyclic: Record<string, unknown> = { a: 1 }
  cyclic['self'] = cyclic
  const hostile = {
    toJSON() {
      throw new Error('no')
    }
  }
  const details: [unknown, unknown][] = [
    [{ n: 1n }, { n: '1' }],
    [cyclic, { a: 1, self: '[Circular]' }],
    [{ at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    [{ url: new URL('http://a/') }, { url: 'http://a/' }],
    [new Map<unknown, unknown>([[1, new Set(['x'])]]), { 1: ['x'] }],
    [{ error: new Error('why') }, { error: 'why' }],
    [Buffer.from('hi'), 'aGk='],
    [new Uint16Array([1]), 'AQA='],
    [
      [Number.NaN, Number.POSITIVE_INFINITY, undefined],
      [null, null, null]
    ],
    [JSON.parse('{"__proto__":{"x":1}}'), JSON.parse('{"__proto__":{"x":1}}')],
    [() => 1, null],
    [{ hostile }, { hostile: '[Unserializable]' }]
  ]
  for (const [index, [detail]] of details.entries()) {
    throwing(app, `/${index}`, new HTTPException(400, detail))
  }
  for (const [index, [, expected]] of details.entries()) {
    const reply = await app.inject(`/${index}`)
    t.equal(reply.statusCode, 400)
    t.same(reply.json(), { detail: expected })
  }
  t.equal(lines.filter(({ level }) => level === 40).length, 1)
})

test('the cause is logged and never sent', async (t) => {
  const { app, lines } = await errorApp(t)
  throwing(app, '/', new HTTPException(409, 'x', { cause: new Error('db') }))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 409)
  t.equal(reply.body, '{"detail":"x"}')
  t.match(JSON.stringify(lines), 'db')
})

const places: Record<string, (app: FastifyInstance) => void> = {
  onRequest: (app) => hook(app, 'onRequest'),
  preParsing: (app) => hook(app, 'preParsing'),
  preValidation: (app) => hook(app, 'preValidation'),
  preHandler: (app) => hook(app, 'preHandler'),
  preSerialization: (app) => hook(app, 'preSerialization'),
  onSend: (app) => hook(app, 'onSend'),
  'a content-type parser': (app) => {
    app.addContentTypeParser('text/x', async () => {
      throw new HTTPException(418, 'here')
    })
    app.post('/', async () => ({}))
  },
  'the handler': (app) => {
    app.post('/', async () => {
      throw new HTTPException(418, 'here')
    })
  }
}

/** Throws once: a hook that failed on the error's reply too would leave nobody to answer. */
function hook(app: FastifyInstance, name: string): void {
  const seen = new WeakSet<FastifyRequest>()
  app.addHook(name as 'onRequest', async (request) => {
    if (seen.has(request)) return
    seen.add(request)
    throw new HTTPException(418, 'here')
  })
  app.post('/', async () => ({}))
}

for (const [place, arrange] of Object.entries(places)) {
  test(`an exception thrown in ${place} answers the same`, async (t) => {
    const { app } = await errorApp(t)
    arrange(app)
    const headers = {
      'content-type': place.startsWith('a content') ? 'text/x' : 'application/json'
    }
    const reply = await app.inject({ method: 'POST', url: '/', headers, payload: '{}' })
    t.equal(reply.statusCode, 418)
    t.equal(reply.body, '{"detail":"here"}')
  })
}

test('an exception that is returned or sent counts as thrown', async (t) => {
  const { app } = await errorApp(t)
  app.get('/returned', async () => new HTTPException(404))
  app.get('/sent', (_request, reply) => {
    reply.send(new HTTPException(404))
  })
  for (const url of ['/returned', '/sent']) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, 404)
    t.equal(reply.body, '{"detail":"Not Found"}')
  }
})

test('HEAD gets the headers of GET without the body', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/a', new HTTPException(404))
  const reply = await app.inject({ method: 'HEAD', url: '/a' })
  t.equal(reply.statusCode, 404)
  t.equal(reply.body, '')
  t.equal(reply.headers['content-length'], '22')
})

test('an exception below 500 captures no stack unless it is asked to', (t) => {
  t.notMatch(new HTTPException(404).stack, '\n    at ')
  t.match(new HTTPException(404, 'x', { stack: true }).stack, '\n    at ')
  t.match(new HTTPException(500).stack, '\n    at ')
  t.notMatch(new HTTPException(500, 'x', { stack: false }).stack, '\n    at ')
  t.teardown(() => {
    HTTPException.captureStack = 'server'
  })
  HTTPException.captureStack = 'all'
  t.match(new HTTPException(404).stack, '\n    at ')
  HTTPException.captureStack = 'none'
  t.notMatch(new HTTPException(500).stack, '\n    at ')
  t.match(new Error('others are not affected').stack, '\n    at ')
  t.end()
})

test('an exception works where the stack limit cannot be changed', (t) => {
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') ?? {}
  t.teardown(() => Object.defineProperty(Error, 'stackTraceLimit', limit))
  Object.defineProperty(Error, 'stackTraceLimit', { ...limit, writable: false })
  t.equal(new HTTPException(404).message, 'Not Found')
  t.end()
})

test('headers that cannot be sent are dropped, and named in the log without their values', async (t) => {
  const { app, lines } = await errorApp(t)
  const headers = {
    'x-bad': 'a\r\nb: c',
    'bad name': '1',
    connection: 'x',
    'x-n': 1,
    'x-l': ['a', 'b']
  }
  throwing(
    app,
    '/',
    new HTTPException(409, 'x', { headers: { ...headers, 'x-u': undefined as never } })
  )
  const reply = await app.inject('/')
  t.equal(reply.body, '{"detail":"x"}')
  t.match(reply.headers, { 'x-n': '1', 'x-l': ['a', 'b'] })
  t.notOk('x-bad' in reply.headers)
  t.same(
    lines.filter(({ level }) => level === 40).map(({ header }) => header),
    ['x-bad', 'bad name', 'connection']
  )
  t.notMatch(JSON.stringify(lines), 'b: c')
})

test('an invalid header set before the throw does not take the others with it', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', async (_request, reply) => {
    reply
      .header('x-bad', 'a\nb')
      .header('x-odd', {} as never)
      .header('set-cookie', 'a=1')
    throw new HTTPException(409)
  })
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 409)
  t.equal(reply.headers['set-cookie'], 'a=1')
  t.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
})

test('a stream that fails before its first byte leaves a JSON error', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', (_request, reply) => {
    reply.type('text/plain').header('etag', '"x"')
    return new Readable({
      read() {
        this.destroy(new Error('disk'))
      }
    })
  })
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
  t.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
  t.equal(reply.headers.etag, undefined)
})
