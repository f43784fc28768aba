import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { runInNewContext } from 'node:vm'
import createFastifyError from '@fastify/error'
import sensible from '@fastify/sensible'
import Fastify from 'fastify'
import createError from 'http-errors'
import { test } from 'tap'
import errors, { HTTPException, safeHook, ThrownValueError } from '../../lib/errors/index.ts'
import { errorApp, throwing } from './error-app.ts'

const hidden = '{"detail":"Internal Server Error"}'

test('errors of http-errors keep status and headers, and their text where it is exposed', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/404', createError(404, 'no x', { headers: { 'x-a': '1' } }))
  throwing(app, '/500', createError(500, 'db'))
  throwing(app, '/quiet', createError(409, 'no', { expose: false }))
  const reply = await app.inject('/404')
  t.equal(reply.statusCode, 404)
  t.equal(reply.body, '{"detail":"no x"}')
  t.equal(reply.headers['x-a'], '1')
  t.equal((await app.inject('/500')).body, hidden)
  t.equal((await app.inject('/quiet')).body, '{"detail":"Conflict"}')
})

test('errors of @fastify/error keep status and message, and a problem shows their code', async (t) => {
  const BadError = createFastifyError('E_X', 'bad %s', 409)
  const { app } = await errorApp(t)
  throwing(app, '/', new BadError('y'))
  t.equal((await app.inject('/')).body, '{"detail":"bad y"}')

  const { app: problem } = await errorApp(t, { render: 'problem' })
  throwing(problem, '/', new BadError('y'))
  t.match((await problem.inject('/')).json(), { code: 'E_X', detail: 'bad y' })
})

test('@fastify/sensible works, in routes and in exception handlers', async (t) => {
  const { app } = await errorApp(t)
  await app.register(sensible)
  app.get('/reply', (_request, reply) => reply.notFound('n'))
  app.get('/assert', async () => app.assert.equal(1, 2, 402, 'pay'))
  app.setExceptionHandler(RangeError, (_error, _request, reply) => reply.conflict('inside'))
  app.setExceptionHandler(SyntaxError, async (_error, _request, reply) => {
    reply.conflict('inside')
  })
  throwing(app, '/inside', new RangeError())
  throwing(app, '/inside/async', new SyntaxError())
  t.equal((await app.inject('/reply')).body, '{"detail":"n"}')
  t.equal((await app.inject('/assert')).body, '{"detail":"pay"}')
  for (const url of ['/inside', '/inside/async']) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, 409)
    t.equal(reply.body, '{"detail":"inside"}')
  }
})

test('a statusCode is believed, of all errors or only of known kinds', async (t) => {
  const slow = () => Object.assign(new Error('slow'), { statusCode: 429 })
  const { app } = await errorApp(t)
  throwing(app, '/', slow())
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 429)
  t.equal(reply.body, '{"detail":"Too Many Requests"}', 'its text was not made for clients')

  const { app: wary } = await errorApp(t, { trustStatusCode: 'known' })
  throwing(wary, '/', slow())
  throwing(wary, '/http', createError(404, 'no x'))
  throwing(wary, '/fastify', new (createFastifyError('E_X', 'bad', 409))())
  t.equal((await wary.inject('/')).statusCode, 500)
  t.equal((await wary.inject('/http')).statusCode, 404)
  t.equal((await wary.inject('/fastify')).statusCode, 409)

  const trustStatusCode = (error: Error) => error.message === 'slow'
  const { app: choosy } = await errorApp(t, { trustStatusCode })
  throwing(choosy, '/', slow())
  throwing(choosy, '/other', Object.assign(new Error('other'), { statusCode: 429 }))
  t.equal((await choosy.inject('/')).statusCode, 429)
  t.equal((await choosy.inject('/other')).statusCode, 500)
})

test('a bare status is not believed: it is mostly that of an upstream', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/', Object.assign(new Error('upstream says no'), { status: 401 }))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, hidden)
})

test('a statusCode that is none of an error is a 500', async (t) => {
  const { app } = await errorApp(t)
  const codes = [200, 302, 700, 'abc', 404.5]
  for (const code of codes)
    throwing(app, `/${code}`, Object.assign(new Error('x'), { statusCode: code }))
  for (const code of codes) t.equal((await app.inject(`/${code}`)).statusCode, 500)
})

test('a status set before the throw is kept, a success is not', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(402, (error) => ({ isException: error instanceof HTTPException }))
  for (const status of [201, 402, 403, 503]) {
    app.get(`/${status}`, async (_request, reply) => {
      reply.code(status)
      throw new Error('x')
    })
  }
  t.equal((await app.inject('/403')).statusCode, 403)
  t.equal((await app.inject('/403')).body, '{"detail":"Forbidden"}')
  t.same((await app.inject('/402')).json(), { isException: true })
  t.equal((await app.inject('/503')).body, '{"detail":"Service Unavailable"}')
  t.equal((await app.inject('/201')).statusCode, 500)
})

test('what a tracing subscriber makes Fastify set is not taken for the status', async (t) => {
  const name = 'tracing:fastify.request.handler:error'
  const watch = () => {}
  subscribe(name, watch)
  t.teardown(() => unsubscribe(name, watch))
  const { app } = await errorApp(t)
  throwing(app, '/plain', new Error('x'))
  throwing(app, '/upstream', Object.assign(new Error('x'), { status: 401 }))
  t.equal((await app.inject('/plain')).body, hidden)
  t.equal((await app.inject('/upstream')).statusCode, 500)
})

const values: Record<string, unknown> = {
  string: 'secret',
  number: 404,
  boolean: true,
  object: { secret: 1, status: 400 },
  array: ['secret'],
  symbol: Symbol('secret'),
  bigint: 1n,
  function: () => 'secret',
  null: null,
  undefined: undefined
}

for (const [name, value] of Object.entries(values)) {
  test(`a thrown ${name} is a 500 that shows nothing of it`, async (t) => {
    const { app, lines } = await errorApp(t)
    throwing(app, '/async', value)
    app.get('/sync', () => {
      throw value
    })
    for (const url of ['/async', '/sync']) {
      const reply = await app.inject(url)
      t.equal(reply.statusCode, 500)
      t.equal(reply.body, hidden)
    }
    t.notMatch(JSON.stringify(lines), 'secret')
  })
}

test('a handler finds what was thrown in a ThrownValueError', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler(ThrownValueError, (error) => ({
    thrown: error.thrown,
    message: error.message
  }))
  throwing(app, '/', 'text')
  throwing(app, '/null', null)
  t.same((await app.inject('/')).json(), {
    thrown: 'text',
    message: 'A value of type string was thrown'
  })
  t.match((await app.inject('/null')).json(), { thrown: null, message: /type null/ })
})

test('an async hook that rejects with nothing is a 500', async (t) => {
  const { app } = await errorApp(t)
  app.addHook('preHandler', async () => {
    throw undefined
  })
  app.get('/', async () => t.fail('must not run'))
  t.equal((await app.inject('/')).body, hidden)
})

test('a sync hook that throws nothing protects the route when it is made safe', async (t) => {
  const { app } = await errorApp(t)
  const preHandler = safeHook((_request: unknown, _reply: unknown, _done: () => void) => {
    throw undefined
  })
  app.get('/', { preHandler }, async () => t.fail('must not run'))
  app.get(
    '/thrown',
    {
      preHandler: safeHook(() => {
        throw new HTTPException(409)
      })
    },
    async () => t.fail('must not run')
  )
  app.get(
    '/ok',
    { preHandler: safeHook((_request: unknown, _reply: unknown, done: () => void) => done()) },
    async () => 'ok'
  )
  t.equal((await app.inject('/')).body, hidden)
  t.equal((await app.inject('/thrown')).statusCode, 409)
  t.equal((await app.inject('/ok')).body, 'ok')
})

test('an AggregateError of one is that one, of several a 500 with all of them in the log', async (t) => {
  const { app, lines } = await errorApp(t)
  throwing(app, '/one', new AggregateError([new HTTPException(409)]))
  throwing(app, '/value', new AggregateError(['x']))
  throwing(app, '/two', new AggregateError([new Error('first'), new Error('second')]))
  t.equal((await app.inject('/one')).statusCode, 409)
  t.equal((await app.inject('/value')).statusCode, 500)
  t.equal((await app.inject('/two')).body, hidden)
  t.match(JSON.stringify(lines.at(-1)), /first.*second/)
})

test('a timeout signal in a handler is a 500', async (t) => {
  const { app } = await errorApp(t)
  app.get(
    '/',
    async () =>
      await new Promise((_resolve, reject) => {
        const signal = AbortSignal.timeout(1)
        signal.addEventListener('abort', () => reject(signal.reason))
      })
  )
  t.equal((await app.inject('/')).body, hidden)
})

test('a frozen error is answered like any other', async (t) => {
  const { app, lines } = await errorApp(t)
  throwing(app, '/404', Object.freeze(new HTTPException(404)))
  throwing(app, '/500', Object.freeze(new Error('x')))
  t.equal((await app.inject('/404')).body, '{"detail":"Not Found"}')
  t.equal((await app.inject('/500')).body, hidden)
  t.equal(lines.filter(({ level }) => level === 50).length, 1)
})

test('a hostile object is a constant 500', async (t) => {
  const { app } = await errorApp(t)
  const refuse = () => {
    throw new Error('secret')
  }
  const handler = Object.fromEntries(
    ['get', 'has', 'getPrototypeOf', 'ownKeys', 'getOwnPropertyDescriptor'].map((trap) => [
      trap,
      refuse
    ])
  )
  const getters = Object.defineProperties(new Error('x'), {
    statusCode: { get: refuse },
    message: { get: refuse },
    headers: { get: refuse }
  })
  throwing(app, '/proxy', new Proxy(new Error('x'), handler))
  throwing(app, '/get', new Proxy(new Error('x'), { get: refuse }))
  throwing(app, '/getters', getters)
  throwing(app, '/bare', Object.setPrototypeOf(new Error('x'), null))
  for (const url of ['/proxy', '/get', '/getters', '/bare']) {
    const reply = await app.inject(url)
    t.equal(reply.statusCode, 500, url)
    t.equal(reply.body, hidden, url)
  }
})

test('the code of an error can be a key', async (t) => {
  const { app } = await errorApp(t)
  app.setExceptionHandler('ENOENT', (_error, _request, reply) =>
    reply.code(404).send({ by: 'ENOENT' })
  )
  app.setExceptionHandler('23505', (_error, _request, reply) =>
    reply.code(409).send({ by: '23505' })
  )
  throwing(app, '/file', Object.assign(new Error('x'), { code: 'ENOENT' }))
  throwing(app, '/row', Object.assign(new Error('x'), { code: '23505' }))
  throwing(app, '/number', Object.assign(new Error('x'), { code: 23_505 }))
  t.equal((await app.inject('/file')).statusCode, 404)
  t.equal((await app.inject('/row')).statusCode, 409)
  t.equal((await app.inject('/number')).statusCode, 500)
})

test('an error of another realm is an error', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/', Object.assign(runInNewContext('new Error("far")'), { statusCode: 409 }))
  t.equal((await app.inject('/')).body, '{"detail":"Conflict"}')
})

const core: [string, number, string][] = [
  ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 400, 'Request body size did not match Content-Length'],
  ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'Request body is too large'],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415, 'Unsupported Media Type'],
  ['FST_ERR_BAD_URL', 400, 'Bad Request'],
  ['FST_ERR_MAX_PARAM_LENGTH', 414, 'URI Too Long'],
  ['FST_ERR_HANDLER_TIMEOUT', 503, 'Service Unavailable'],
  ['FST_ERR_SEND_UNDEFINED_ERR', 500, 'Internal Server Error'],
  ['FST_ERR_REP_INVALID_PAYLOAD_TYPE', 500, 'Internal Server Error'],
  ['FST_ERR_DEC_UNDECLARED', 500, 'Internal Server Error']
]

for (const [code, status, detail] of core) {
  test(`${code} is a ${status}`, async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(errors)
    const { [code as keyof typeof Fastify.errorCodes]: CoreError } = Fastify.errorCodes
    const echoed = /URL|PARAM/.test(code) ? ['/url?q=secret'] : []
    throwing(app, '/', new CoreError(...echoed))
    const reply = await app.inject('/')
    t.equal(reply.statusCode, status)
    t.same(reply.json(), { detail })
  })
}

test('a body without a content type, and a QUERY without one, are refused by Fastify', async (t) => {
  const { app } = await errorApp(t)
  app.post('/', async () => 'ok')
  const body = await app.inject({ method: 'POST', url: '/', payload: 'x' })
  t.equal(body.statusCode, 415)
  const query = new Fastify.errorCodes.FST_ERR_ROUTE_MISSING_CONTENT_TYPE('QUERY')
  const { app: other } = await errorApp(t)
  throwing(other, '/', query)
  t.equal((await other.inject('/')).statusCode, 400)
})
