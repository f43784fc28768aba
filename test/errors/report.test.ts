import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import {
  afterResponse,
  type ExceptionMessage,
  HTTPException,
  on,
  UnauthorisedError
} from '../../lib/errors/index.ts'
import { ForeignOriginError } from '../../lib/session/anti-csrf.ts'
import { errorApp, throwing } from './error-app.ts'

function connectTo(app: FastifyInstance): Socket {
  const { port } = app.server.address() as AddressInfo
  return connect(port, '127.0.0.1')
}

/** Everything a client gets on a raw socket until it is closed. */
async function rawReply(app: FastifyInstance, url: string): Promise<string> {
  await app.listen({ port: 0 })
  const socket = connectTo(app)
  socket.on('error', () => {})
  socket.write(`GET ${url} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return text
}

/** A promise with its `resolve`, which Node 20 has no function for. */
function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** Collects what is published on a channel while a test runs. */
function listen(t: Test, name = 'fastify-supersession:exception'): ExceptionMessage[] {
  const messages: ExceptionMessage[] = []
  const record = (message: unknown) => {
    messages.push(message as ExceptionMessage)
  }
  subscribe(name, record)
  t.teardown(() => unsubscribe(name, record))
  return messages
}

test('an unhandled error is a 500 that says nothing', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/', new Error('secret'))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
})

test('an unhandled error is logged once, with its stack, and told to the app', async (t) => {
  const published = listen(t)
  const { app, lines } = await errorApp(t)
  const error = new Error('db is gone')
  await app.register(async (child) => throwing(child, '/', error))
  await app.inject('/')
  const errors = lines.filter(({ level }) => level === 50)
  t.equal(errors.length, 1)
  t.match(errors[0], { err: { message: 'db is gone', stack: /report\.test/ }, route: '/' })
  t.match(published, [{ kind: 'unhandled', error, key: null, status: 500 }])
})

test('an error that a handler passes on is the one that is logged and told', async (t) => {
  const published = listen(t)
  const { app, lines } = await errorApp(t)
  const error = new Error('db is gone')
  app.setExceptionHandler(404, (_error, _request, _reply, { next }) => next(error))
  app.setExceptionHandler('UNAUTHORISED', (_error, _request, _reply, { next }) => next(error))
  throwing(app, '/missing', new HTTPException(404))
  throwing(app, '/refused', new UnauthorisedError())
  for (const url of ['/missing', '/refused']) {
    t.equal((await app.inject(url)).statusCode, 500)
    const errors = lines.filter(({ level }) => level === 50)
    t.match(errors.at(-1), { err: { message: 'db is gone' }, route: url })
    t.match(published.at(-1), { kind: 'unhandled', error, key: null, status: 500 })
  }
})

test('with a catch-all of the app the error is still logged and told', async (t) => {
  const published = listen(t)
  const { app, lines } = await errorApp(t)
  app.setExceptionHandler(Error, () => ({ exception: 'server-error' }))
  throwing(app, '/', new Error('x'))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"exception":"server-error"}')
  t.match(published, [{ kind: 'unhandled', key: Error }])
  t.equal(lines.filter(({ msg }) => msg === 'request failed').length, 1)
})

test('a handler that begins the raw reply and fails ends the socket', async (t) => {
  const { app } = await errorApp(t, {
    exceptionHandlers: [
      on(409, (_error, _request, { raw }) => {
        raw.writeHead(409).write('half')
        throw new Error('at once')
      }),
      on(410, async (_error, _request, { raw }) => {
        raw.writeHead(410).write('half')
        await new Promise((resolve) => setImmediate(resolve))
        throw new Error('later')
      })
    ]
  })
  for (const status of [409, 410])
    app.get(`/${status}`, async () => {
      throw new HTTPException(status)
    })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  for (const status of [409, 410])
    await t.rejects(fetch(`${origin}/${status}`).then((reply) => reply.text()))
})

test('an error after the reply began ends the socket, and no handler runs', async (t) => {
  const { app, lines } = await errorApp(t)
  const published = listen(t)
  app.setExceptionHandler(Error, () => t.fail('must not run'))
  const error = new Error('too late')
  app.get('/', async (_request, reply) => {
    reply.raw.writeHead(200, { 'content-type': 'text/plain' })
    reply.raw.write('abc')
    throw error
  })
  const text = await rawReply(app, '/')
  t.match(text, /^HTTP\/1\.1 200 OK/)
  t.match(text, 'abc')
  t.notMatch(text, /\r\n0\r\n\r\n$/, 'the body is broken off, not ended')
  t.match(published, [{ kind: 'late', error, phase: 'headers-sent' }])
  t.equal(lines.filter(({ level }) => level === 50).length, 1)
})

test('tasks run after the reply, one after the other, and a failure is only noted', async (t) => {
  const { app, lines } = await errorApp(t)
  const published = listen(t)
  const steps: string[] = []
  const { promise, resolve } = signal()
  app.get('/', async (_request, reply) => {
    afterResponse(reply, async () => {
      steps.push('first')
      throw new Error('mail server')
    })
    afterResponse(reply, () => {
      steps.push('second')
      resolve()
    })
    return { ok: true }
  })
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 200)
  await promise
  t.same(steps, ['first', 'second'])
  t.match(published, [{ kind: 'late', phase: 'background' }])
  t.match(lines, [{ level: 50, err: { message: 'mail server' }, phase: 'background' }])
})

test('work that is added after the reply is out is done as well', async (t) => {
  const { app } = await errorApp(t)
  const steps: string[] = []
  const { promise, resolve } = signal()
  app.get('/', async (_request, reply) => {
    afterResponse(reply, async () => {
      steps.push('first')
      afterResponse(reply, () => void steps.push('from within'))
      setImmediate(() =>
        afterResponse(reply, () => {
          steps.push('late')
          resolve()
        })
      )
    })
    return {}
  })
  const alone = signal()
  app.get('/alone', async (_request, reply) => {
    reply.raw.once('finish', () => setImmediate(() => afterResponse(reply, alone.resolve)))
    return {}
  })
  await app.inject('/')
  await promise
  t.same(steps, ['first', 'from within', 'late'])
  await app.inject('/alone')
  await alone.promise
})

test('a stream that fails midway closes the connection without a second reply', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', (_request, reply) => {
    let reads = 0
    return reply.type('text/plain').send(
      new Readable({
        read() {
          if (reads++ === 0) this.push('chunk')
          else setImmediate(() => this.destroy(new Error('disk')))
        }
      })
    )
  })
  const text = await rawReply(app, '/')
  t.equal(text.match(/HTTP\/1\.1/g)?.length, 1)
  t.match(text, 'chunk')
  t.notMatch(text, 'disk')
})

test('the error of a request whose client has gone is no error of the server', async (t) => {
  const { app, lines } = await errorApp(t)
  const { promise: started, resolve: start } = signal()
  const { promise: thrown, resolve: done } = signal()
  app.get('/', async (_request, reply) => {
    start()
    await new Promise((resolve) => reply.raw.once('close', resolve))
    setImmediate(done)
    throw new Error('aborted')
  })
  await app.listen({ port: 0 })
  const socket = connectTo(app)
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await started
  socket.destroy()
  await thrown
  t.same(
    lines.filter(({ level }) => level >= 50),
    []
  )
  t.ok(lines.some(({ msg, level }) => msg === 'client aborted' && level === 30))
})

test('a handler that takes too long is a 503', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', { handlerTimeout: 5 }, async () => await new Promise(() => {}))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 503)
  t.equal(reply.body, '{"detail":"Service Unavailable"}')
})

test('outcomes are published for those who listen', async (t) => {
  const { app } = await errorApp(t)
  const published = listen(t)
  const refused = listen(t, 'fastify-supersession:session')
  app.setExceptionHandler(404, () => ({ by: '404' }))
  app.setExceptionHandler(RangeError, (error) => {
    throw new HTTPException(410, 'gone', { cause: error })
  })
  const error = new Error('x')
  throwing(app, '/500', error)
  throwing(app, '/range', new RangeError('r'))
  throwing(app, '/session', new UnauthorisedError('gone', { reason: 'revoked' }))
  await app.inject('/nope')
  await app.inject('/500')
  await app.inject('/range')
  await app.inject('/session')
  t.match(published, [
    { kind: 'handled', key: 404, status: 404 },
    { kind: 'unhandled', error, key: null, status: 500 },
    { kind: 'handler-failed', key: RangeError, error: RangeError, secondary: HTTPException },
    { kind: 'handled', key: null, status: 410, original: RangeError, error: HTTPException },
    { kind: 'handled', key: null, status: 401 }
  ])
  t.ok((published[0] as { durationNs: bigint }).durationNs > 0n)
  t.match(refused, [{ kind: 'refused', type: 'UNAUTHORISED', reason: 'revoked', status: 401 }])
})

test('the line of a refused session says why, and what was answered', async (t) => {
  const { app, lines } = await errorApp(t, { sessionExpiredStatusCode: 440 })
  throwing(app, '/', new UnauthorisedError(undefined, { reason: 'revoked' }))
  t.equal((await app.inject('/')).statusCode, 440)
  const message = 'the session was revoked'
  t.match(lines, [{ type: 'UNAUTHORISED', reason: 'revoked', message, status: 440 }])
})

test('the level of a line follows the status and may be chosen', async (t) => {
  const { app, lines } = await errorApp(t)
  for (const status of [404, 405, 409, 503]) throwing(app, `/${status}`, new HTTPException(status))
  for (const status of [404, 405, 409, 503]) await app.inject(`/${status}`)
  t.same(
    lines.map(({ level }) => level),
    [20, 20, 30, 50]
  )
  const chosen = await errorApp(t, { errorLogLevel: (_error, status) => status === 409 && 'warn' })
  for (const status of [404, 409]) throwing(chosen.app, `/${status}`, new HTTPException(status))
  for (const status of [404, 409]) await chosen.app.inject(`/${status}`)
  t.same(
    chosen.lines.map(({ level }) => level),
    [40]
  )
})

test('a line of a client error has no stack, and none is written below the level of the log', async (t) => {
  const { app, lines } = await errorApp(t)
  throwing(app, '/', new HTTPException(409, 'x', { stack: true }))
  await app.inject('/')
  t.notMatch(JSON.stringify(lines), 'report.test')

  const quiet = await errorApp(t)
  quiet.app.log.level = 'error'
  throwing(quiet.app, '/', new HTTPException(409))
  await quiet.app.inject('/')
  t.same(quiet.lines, [])
})

test('disableRequestLogging silences errors as it silences requests', async (t) => {
  const { app, lines } = await errorApp(t, {}, { disableRequestLogging: true })
  throwing(app, '/', new Error('x'))
  t.equal((await app.inject('/')).statusCode, 500)
  t.same(lines, [])
  const some = await errorApp(t, {}, { disableRequestLogging: ({ url }) => url === '/health' })
  throwing(some.app, '/health', new Error('x'))
  throwing(some.app, '/', new Error('y'))
  for (const url of ['/health', '/']) t.equal((await some.app.inject(url)).statusCode, 500)
  const errors = some.lines.filter(({ level }) => level >= 50)
  t.match(errors, [{ err: { message: 'y' } }])
  t.equal(errors.length, 1)
})

test('a logger that fails does not take the reply with it', async (t) => {
  const fail = () => {
    throw new Error('disk full')
  }
  const loggerInstance = {
    level: 'info',
    trace: () => {},
    debug: () => {},
    info: (fields: unknown) => (fields as { req?: unknown }).req === undefined && fail(),
    warn: fail,
    error: () => {},
    fatal: fail,
    silent: fail,
    child: () => loggerInstance
  }
  const server = { logger: false, loggerInstance, disableRequestLogging: false } as never
  const { app } = await errorApp(t, { errorLogLevel: () => 'warn' }, server)
  throwing(app, '/', new HTTPException(409))
  t.equal((await app.inject('/')).body, '{"detail":"Conflict"}')
})

test('a logger that is not pino will do', async (t) => {
  const texts: unknown[] = []
  const write = (_fields: unknown, text: unknown) => texts.push(text)
  const loggerInstance = {
    level: 'info',
    trace: write,
    debug: write,
    info: write,
    warn: write,
    error: write,
    fatal: write,
    silent: write,
    child: () => loggerInstance
  }
  const { app } = await errorApp(t, {}, { logger: false, loggerInstance } as never)
  throwing(app, '/', new HTTPException(409))
  await app.inject('/')
  t.ok(texts.includes('request refused'))
})

test('where nobody listens nothing is published, and everything is logged', async (t) => {
  const { app, lines } = await errorApp(t)
  const { promise, resolve } = signal()
  app.setExceptionHandler(RangeError, () => {
    throw new HTTPException(410)
  })
  throwing(app, '/range', new RangeError('r'))
  app.get('/late', async (_request, reply) => {
    afterResponse(reply, () => {
      setImmediate(resolve)
      throw new Error('mail server')
    })
    return {}
  })
  t.equal((await app.inject('/range')).statusCode, 410)
  await app.inject('/late')
  await promise
  t.ok(lines.some(({ msg }) => msg === 'work after the reply failed'))
})

test('a catch-all and a handler of 500 leave an error unhandled, a handler of its class handles it', async (t) => {
  const { app } = await errorApp(t)
  const published = listen(t)
  app.setExceptionHandler(500, () => 'sorry')
  app.setExceptionHandler(RangeError, () => 'too far')
  throwing(app, '/any', new TypeError('x'))
  throwing(app, '/range', new RangeError('x'))
  await app.inject('/any')
  await app.inject('/range')
  t.match(published, [{ kind: 'unhandled', key: 500 }, { kind: 'handled' }])
})

test('the channel of sessions has no message of errors that refuse no session', async (t) => {
  const { app } = await errorApp(t)
  const refused = listen(t, 'fastify-supersession:session')
  throwing(app, '/plain', new HTTPException(404))
  throwing(app, '/code', new HTTPException(409, 'taken', { code: 'TAKEN' }))
  await app.inject('/plain')
  await app.inject('/code')
  t.same(refused, [])
})

test('an error of the app with a code and a reason is no refused session', async (t) => {
  const { app, lines } = await errorApp(t)
  const refused: unknown[] = []
  const note = (message: unknown) => void refused.push(message)
  subscribe('fastify-supersession:session', note)
  t.teardown(() => unsubscribe('fastify-supersession:session', note))
  const declined = new HTTPException(402, 'declined', { code: 'DECLINED' })
  throwing(app, '/', Object.assign(declined, { reason: { password: 'hunter2' } }))
  throwing(app, '/session', new UnauthorisedError(undefined, { reason: 'no-token' }))
  throwing(app, '/origin', new ForeignOriginError('https://evil.example'))
  t.equal((await app.inject('/')).statusCode, 402)
  t.equal(refused.length, 0)
  t.notMatch(JSON.stringify(lines), 'hunter2')
  await app.inject('/session')
  await app.inject('/origin')
  t.match(refused, [
    { kind: 'refused', type: 'UNAUTHORISED', reason: 'no-token' },
    { kind: 'refused', type: 'SUPERSESSION_FOREIGN_ORIGIN', reason: 'origin' }
  ])
})
