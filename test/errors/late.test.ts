import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import {
  afterResponse,
  type HandledMessage,
  HTTPException,
  recordUnhandled,
  UnauthorisedError
} from '../../lib/errors/index.ts'
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
function listen(t: Test, name: string): unknown[] {
  const messages: unknown[] = []
  const record = (message: unknown) => {
    messages.push(message)
  }
  subscribe(name, record)
  t.teardown(() => unsubscribe(name, record))
  return messages
}

test('S1: an unhandled error is a 500 that says nothing', async (t) => {
  const { app } = await errorApp(t)
  throwing(app, '/', new Error('secret'))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"detail":"Internal Server Error"}')
})

test("S1: with compat 'fastapi-strict' it is plain text", async (t) => {
  const { app } = await errorApp(t, { compat: 'fastapi-strict' })
  throwing(app, '/', new Error('secret'))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, 'Internal Server Error')
  t.equal(reply.headers['content-type'], 'text/plain; charset=utf-8')
})

test('S1: the message can be shown while developing', async (t) => {
  const { app } = await errorApp(t, { exposeServerErrors: true })
  throwing(app, '/', new Error('typo'))
  t.equal((await app.inject('/')).body, '{"detail":"typo"}')
})

test('S2: an unhandled error is logged once, with its stack, and told to the app', async (t) => {
  const told: unknown[] = []
  const { app, lines } = await errorApp(t, { onUnhandled: (error) => told.push(error) })
  const recorded = recordUnhandled(app)
  const error = new Error('db is gone')
  await app.register(async (child) => throwing(child, '/', error))
  await app.inject('/')
  const errors = lines.filter(({ level }) => level === 50)
  t.equal(errors.length, 1)
  t.match(errors[0], { err: { message: 'db is gone', stack: /late\.test/ }, route: '/' })
  t.same(told, [error])
  t.equal(recorded[0], error)
})

test('S2: what an app records are its own errors, until it closes', async (t) => {
  const { app } = await errorApp(t)
  const { app: other } = await errorApp(t)
  const recorded = recordUnhandled(app)
  throwing(other, '/', new Error('x'))
  throwing(app, '/', new HTTPException(500))
  await other.inject('/')
  await app.inject('/')
  t.same(recorded, [])
})

test('S3: with a catch-all of the app the error is still logged and told', async (t) => {
  const told: unknown[] = []
  const { app, lines } = await errorApp(t, {
    onUnhandled: (error) => {
      told.push(error)
      throw new Error('callbacks may fail')
    }
  })
  app.setExceptionHandler(Error, () => ({ exception: 'server-error' }))
  throwing(app, '/', new Error('x'))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 500)
  t.equal(reply.body, '{"exception":"server-error"}')
  t.equal(told.length, 1)
  t.equal(lines.filter(({ msg }) => msg === 'request failed').length, 1)
})

test('S4, S5: an error after the reply began ends the socket, and no handler runs', async (t) => {
  const late: unknown[] = []
  const { app, lines } = await errorApp(t, { onLate: (...args) => late.push(args) })
  const published = listen(t, 'fastify-supersession:exception:late')
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
  t.match(late, [[error, {}, 'headers-sent']])
  t.match(published, [{ error, phase: 'headers-sent' }])
  t.equal(lines.filter(({ level }) => level === 50).length, 1)
})

test('S6: tasks run after the reply, one after the other, and a failure is only noted', async (t) => {
  const late: unknown[] = []
  const { app, lines } = await errorApp(t, { onLate: (_e, _r, phase) => late.push(phase) })
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
  t.same(late, ['background'])
  t.match(lines, [{ level: 50, err: { message: 'mail server' }, phase: 'background' }])
})

test('S7: a stream that fails midway closes the connection without a second reply', async (t) => {
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

test('S9: the error of a request whose client has gone is no error of the server', async (t) => {
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

test('S10: a handler that takes too long is a 503', async (t) => {
  const { app } = await errorApp(t)
  app.get('/', { handlerTimeout: 5 }, async () => await new Promise(() => {}))
  const reply = await app.inject('/')
  t.equal(reply.statusCode, 503)
  t.equal(reply.body, '{"detail":"Service Unavailable"}')
})

test('outcomes are published for those who listen', async (t) => {
  const { app } = await errorApp(t)
  const handled = listen(t, 'fastify-supersession:exception:handled') as HandledMessage[]
  const unhandled = listen(t, 'fastify-supersession:exception:unhandled') as HandledMessage[]
  const failed = listen(t, 'fastify-supersession:exception:handler-failed')
  const rejected = listen(t, 'fastify-supersession:session:rejected')
  app.setExceptionHandler(404, () => ({ by: '404' }))
  app.setExceptionHandler(RangeError, (error) => {
    throw new HTTPException(410, 'gone', { cause: error })
  })
  const error = new Error('x')
  throwing(app, '/500', error)
  throwing(app, '/range', new RangeError('r'))
  throwing(app, '/session', new UnauthorisedError())
  await app.inject('/nope')
  await app.inject('/500')
  await app.inject('/range')
  await app.inject('/session')
  t.match(
    handled.map(({ key, status }) => [key, status]),
    [
      [404, 404],
      [null, 410],
      [null, 401]
    ]
  )
  t.match(handled[1], { original: RangeError, error: HTTPException })
  t.equal(typeof handled[0]?.durationNs, 'bigint')
  t.match(unhandled, [{ error, key: null, status: 500 }])
  t.match(failed, [{ key: RangeError, error: RangeError, secondary: HTTPException }])
  t.match(rejected, [{ type: 'UNAUTHORISED', status: 401 }])
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
  t.notMatch(JSON.stringify(lines), 'late.test')

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
