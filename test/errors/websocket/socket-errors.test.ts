import type { AddressInfo } from 'node:net'
import websocket, { type WebSocket as ServerSocket } from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import errors, {
  type ErrorsOptions,
  guardSocket,
  HTTPException,
  InvalidClaimsError,
  on,
  TryRefreshTokenError,
  WebSocketException,
  WebSocketRequestValidationError,
  webSocketErrorHandler,
  webSocketExceptionHandler,
  webSocketRequestValidationExceptionHandler
} from '../../../lib/errors/index.ts'
import { errorApp } from '../error-app.ts'

async function socketApp(t: Test, options: ErrorsOptions = {}) {
  const { app, lines } = await errorApp(t, options)
  await app.register(websocket)
  return { app, lines }
}

/** A WebSocket route whose handler throws. */
function throwingSocket(app: FastifyInstance, url: string, thrown: unknown): void {
  app.get(url, { websocket: true }, () => {
    throw thrown
  })
}

async function connect(app: FastifyInstance, url: string): Promise<WebSocket> {
  if (!app.server.listening) await app.listen({ port: 0 })
  return new WebSocket(`ws://127.0.0.1:${(app.server.address() as AddressInfo).port}${url}`)
}

/** How the server ends a socket. */
async function closingOf(app: FastifyInstance, url: string): Promise<[number, string]> {
  const socket = await connect(app, url)
  return await new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('open', () => socket.send('hello'))
    socket.on('close', (code, reason) => resolve([code, reason.toString()]))
  })
}

/** What the server answers instead of upgrading. */
async function refusalOf(app: FastifyInstance, url: string): Promise<[number, string]> {
  const socket = await connect(app, url)
  return await new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve([response.statusCode ?? 0, body]))
    })
  })
}

test('a WebSocketException closes with its code and reason', async (t) => {
  const { app } = await socketApp(t)
  throwingSocket(app, '/', new WebSocketException(4001, 'later'))
  t.same(await closingOf(app, '/'), [4001, 'later'])
})

test('before the upgrade it is a 403', async (t) => {
  const { app } = await socketApp(t)
  const preValidation = async () => {
    throw new WebSocketException()
  }
  app.get('/', { websocket: true, preValidation }, () => t.fail('must not run'))
  t.same(await refusalOf(app, '/'), [403, '{"detail":"Forbidden"}'])
})

test('an HTTPException before the upgrade is an HTTP reply', async (t) => {
  const { app } = await socketApp(t)
  const preHandler = async () => {
    throw new HTTPException(401)
  }
  app.get('/', { websocket: true, preHandler }, () => t.fail('must not run'))
  t.same(await refusalOf(app, '/'), [401, '{"detail":"Unauthorized"}'])
})

test('an HTTPException after the upgrade closes by 1008 or 1011 with its detail', async (t) => {
  const { app } = await socketApp(t)
  throwingSocket(app, '/404', new HTTPException(404))
  throwingSocket(app, '/409', new HTTPException(409, { not: 'text' }))
  throwingSocket(app, '/503', new HTTPException(503, 'busy'))
  throwingSocket(app, '/foreign', Object.assign(new Error('db'), { statusCode: 502 }))
  t.same(await closingOf(app, '/404'), [1008, 'Not Found'])
  t.same(await closingOf(app, '/409'), [1008, ''])
  t.same(await closingOf(app, '/503'), [1011, 'busy'])
  t.same(await closingOf(app, '/foreign'), [1011, 'Bad Gateway'])
})

test('an invalid request is refused before the upgrade, as a 422', async (t) => {
  const params = { type: 'object', properties: { id: { type: 'integer' } } }
  const { app } = await socketApp(t)
  app.setExceptionHandler(WebSocketRequestValidationError, (error, _request, _reply, context) => {
    t.same(error.parts, ['params'])
    t.equal(error.errors().length, 1)
    return context.next()
  })
  app.get('/:id', { websocket: true, schema: { params } }, () => t.fail('must not run'))
  const [status, body] = await refusalOf(app, '/x')
  t.equal(status, 422)
  t.match(body, /int_parsing/)
})

test('the defaults before the upgrade can be called by hand', async (t) => {
  const { app } = await socketApp(t)
  app.setExceptionHandler(WebSocketException, webSocketExceptionHandler)
  app.setExceptionHandler(
    WebSocketRequestValidationError,
    webSocketRequestValidationExceptionHandler
  )
  const params = { type: 'object', properties: { id: { type: 'integer' } } }
  const preHandler = async () => {
    throw new WebSocketException()
  }
  app.get('/:id', { websocket: true, schema: { params }, preHandler }, () => t.fail('must not run'))
  t.match(await refusalOf(app, '/x'), [422, /int_parsing/])
  t.same(await refusalOf(app, '/1'), [403, '{"detail":"Forbidden"}'])
})

test('any other error closes by 1011, without a reason, and is logged', async (t) => {
  const { app, lines } = await socketApp(t)
  throwingSocket(app, '/', new Error('secret'))
  app.get('/async', { websocket: true }, async () => {
    throw new Error('secret')
  })
  t.same(await closingOf(app, '/'), [1011, ''])
  t.same(await closingOf(app, '/async'), [1011, ''])
  t.equal(lines.filter(({ msg, level }) => msg === 'websocket failed' && level === 50).length, 2)
})

test('handlers for WebSockets are found like those for HTTP, in a table of their own', async (t) => {
  const { app } = await socketApp(t)
  app.setExceptionHandler(RangeError, () => t.fail('must not run'))
  app.setWebSocketExceptionHandler(RangeError, (error, socket) => socket.close(4002, error.message))
  await app.register(async (child) => {
    child.setWebSocketExceptionHandler(SyntaxError, function (_error, socket: ServerSocket) {
      socket.close(4003, String('place' in this))
    })
    child.decorate('place', 'child')
    throwingSocket(child, '/child', new SyntaxError('s'))
    throwingSocket(child, '/inherited', new RangeError('r'))
  })
  t.same(await closingOf(app, '/child'), [4003, 'true'])
  t.same(await closingOf(app, '/inherited'), [4002, 'r'])
})

test('a handler that throws hands over to the next one, or to another error', async (t) => {
  const { app } = await socketApp(t)
  app.setWebSocketExceptionHandler(RangeError, (error) => {
    throw error
  })
  app.setWebSocketExceptionHandler(SyntaxError, async () => {
    throw new WebSocketException(4004)
  })
  for (const [status, code] of [
    [400, 401],
    [401, 402],
    [402, 403],
    [403, 404],
    [404, 405],
    [405, 406]
  ] as const) {
    app.setWebSocketExceptionHandler(status, () => {
      throw new HTTPException(code)
    })
  }
  throwingSocket(app, '/same', new RangeError('r'))
  throwingSocket(app, '/other', new SyntaxError('s'))
  throwingSocket(app, '/endless', new HTTPException(400))
  t.same(await closingOf(app, '/same'), [1011, ''])
  t.same(await closingOf(app, '/other'), [4004, ''])
  t.same(await closingOf(app, '/endless'), [1008, 'Method Not Allowed'])
})

test('where @fastify/websocket comes first, its errorHandler leads here', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(websocket, { errorHandler: webSocketErrorHandler })
  await app.register(errors)
  throwingSocket(app, '/', new WebSocketException(4001, 'later'))
  app.get('/http', async () => 'ok')
  t.same(await closingOf(app, '/'), [4001, 'later'])
  t.equal((await app.inject('/http')).body, 'ok')
})

test('a route with an HTTP handler and a wsHandler keeps both', async (t) => {
  const { app } = await socketApp(t)
  app.route({
    method: 'GET',
    url: '/',
    handler: async () => 'over HTTP',
    wsHandler: () => {
      throw new WebSocketException(4005)
    }
  })
  t.equal((await app.inject('/')).body, 'over HTTP')
  t.same(await closingOf(app, '/'), [4005, ''])
})

test('a guarded listener may throw or reject', async (t) => {
  const { app } = await socketApp(t)
  app.get('/async', { websocket: true }, (socket, request) => {
    socket.on(
      'message',
      guardSocket(request, socket, async () => {
        throw new WebSocketException(1003)
      })
    )
  })
  app.get('/sync', { websocket: true }, (socket, request) => {
    socket.on(
      'message',
      guardSocket(request, socket, (data: Buffer) => {
        throw new WebSocketException(4006, data.toString())
      })
    )
  })
  t.same(await closingOf(app, '/async'), [1003, ''])
  t.same(await closingOf(app, '/sync'), [4006, 'hello'])
})

test('codes that cannot be sent are refused, and reasons are cut at a character', (t) => {
  for (const code of [999, 1004, 1005, 1006, 1015, 2000, 5000, 1000.5]) {
    t.throws(() => new WebSocketException(code), RangeError)
  }
  for (const code of [1000, 1003, 1007, 1014, 3000, 4999]) {
    t.equal(new WebSocketException(code).code, code)
  }
  t.match(new WebSocketException(), { code: 1008, reason: '', name: 'WebSocketException' })
  t.equal(Buffer.byteLength(new WebSocketException(1008, 'x'.repeat(200)).reason), 123)
  const cut = new WebSocketException(1008, 'é'.repeat(100)).reason
  t.equal(cut, 'é'.repeat(61))
  t.end()
})

test('session errors after the upgrade have close codes of their own', async (t) => {
  const { app } = await socketApp(t)
  throwingSocket(app, '/expired', new TryRefreshTokenError())
  throwingSocket(app, '/claims', new InvalidClaimsError([]))
  throwingSocket(
    app,
    '/sdk',
    Object.assign(new Error('x'), { type: 'PLUGIN_ERROR', errMagic: 'm' })
  )
  t.same(await closingOf(app, '/expired'), [4401, 'TRY_REFRESH_TOKEN'])
  t.same(await closingOf(app, '/claims'), [4403, 'INVALID_CLAIMS'])
  t.same(await closingOf(app, '/sdk'), [1011, 'PLUGIN_ERROR'])
})

test('before the upgrade they are answered over HTTP', async (t) => {
  const { app } = await socketApp(t)
  const preHandler = async () => {
    throw new TryRefreshTokenError()
  }
  app.get('/', { websocket: true, preHandler }, () => t.fail('must not run'))
  t.same(await refusalOf(app, '/'), [401, '{"message":"try refresh token"}'])
})

test('the log line of a WebSocketException before the upgrade has its close code', async (t) => {
  const { app, lines } = await socketApp(t)
  const preHandler = async () => {
    throw new WebSocketException(4001, 'later')
  }
  app.get('/', { websocket: true, preHandler }, () => t.fail('must not run'))
  t.same(await refusalOf(app, '/'), [403, '{"detail":"Forbidden"}'])
  t.match(
    lines.find(({ msg }) => msg === 'request refused'),
    { error: { name: 'WebSocketException', message: 'later', code: 4001 }, status: 403 }
  )
})

test('a handler that leaves the socket open is logged, and the default closes', async (t) => {
  const { app, lines } = await socketApp(t)
  app.setWebSocketExceptionHandler(WebSocketException, () => {})
  throwingSocket(app, '/', new WebSocketException(4001, 'later'))
  t.same(await closingOf(app, '/'), [4001, 'later'])
  t.ok(lines.some(({ msg }) => msg === 'a WebSocket exception handler did not close'))
  t.match(
    lines.find(({ msg }) => msg === 'websocket closed'),
    { error: { name: 'WebSocketException', code: 4001 } }
  )
})

test('a handler of WebSocketException in the table for HTTP is given the socket after the upgrade', async (t) => {
  const asked: unknown[] = []
  const { app } = await socketApp(t, {
    exceptionHandlers: [
      on(WebSocketException, (error, request, replyOrSocket) => {
        asked.push([error.code, request.url])
        const socket = replyOrSocket as unknown as { close(code: number, reason: string): void }
        socket.close(4002, 'by the table')
      })
    ]
  })
  throwingSocket(app, '/', new WebSocketException(4001))
  throwingSocket(app, '/other', new HTTPException(404))
  t.same(await closingOf(app, '/'), [4002, 'by the table'])
  t.same(await closingOf(app, '/other'), [1008, 'Not Found'])
  t.same(asked, [[4001, '/']])
})

test('an exception with a code or a reason that no frame can have closes all the same', async (t) => {
  const { app } = await socketApp(t)
  const odd = (members: object) => Object.assign(new WebSocketException(4001), members)
  const unreadable = Object.assign(new HTTPException(404), {})
  Object.defineProperty(unreadable, 'message', {
    get() {
      throw new TypeError('no message')
    }
  })
  const sdkError = { fromRecipe: 'session', type: 'X'.repeat(200) }
  const cases = [
    ['/code', odd({ code: 'ROOM_FULL' }), [1011, '']],
    ['/reserved', odd({ code: 1005 }), [1011, '']],
    ['/long', odd({ reason: 'é'.repeat(100) }), [4001, 'é'.repeat(61)]],
    ['/number', odd({ reason: 5 }), [4001, '5']],
    ['/nothing', odd({ reason: Object.create(null) }), [1011, '']],
    ['/message', unreadable, [1008, 'Not Found']],
    ['/sdk', Object.assign(new Error('x'), sdkError), [1011, 'X'.repeat(123)]]
  ] as const
  for (const [url, thrown] of cases) {
    throwingSocket(app, url, thrown)
    app.get(`/guarded${url}`, { websocket: true }, (socket, request) => {
      socket.on(
        'message',
        guardSocket(request, socket, () => Promise.reject(thrown))
      )
    })
  }
  for (const [url, , expected] of cases) {
    t.same(await closingOf(app, url), expected, url)
    t.same(await closingOf(app, `/guarded${url}`), expected, url)
  }
})
