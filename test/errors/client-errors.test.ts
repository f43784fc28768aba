import { type AddressInfo, connect } from 'node:net'
import Fastify, { type FastifyServerOptions } from 'fastify'
import { type Test, test } from 'tap'
import errors, {
  clientErrorHandler,
  frameworkErrorsHandler,
  renderFastify
} from '../../lib/errors/index.ts'

/** What a server says to bytes that are not HTTP, until it closes. */
async function say(t: Test, server: FastifyServerOptions, bytes: string): Promise<string> {
  const app = Fastify(server)
  t.teardown(() => app.close())
  await app.listen({ port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes)
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk
  return text
}

test('a malformed URL and an overlong parameter are answered in the same form', async (t) => {
  const app = Fastify({ frameworkErrors: frameworkErrorsHandler })
  t.teardown(() => app.close())
  await app.register(errors)
  app.get('/a/:id', async () => 'ok')
  const bad = await app.inject('/a/%zz')
  t.equal(bad.statusCode, 400)
  t.equal(bad.body, '{"detail":"Bad Request"}')
  const long = await app.inject(`/a/${'x'.repeat(200)}`)
  t.equal(long.statusCode, 414)
  t.equal(long.body, '{"detail":"URI Too Long"}')
})

test('what is no HTTP is a 400 in the same form', async (t) => {
  const text = await say(t, { clientErrorHandler: clientErrorHandler() }, 'nonsense\r\n\r\n')
  t.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/)
  t.match(text, /content-type: application\/json; charset=utf-8\r\n/)
  t.match(text, /content-length: 24\r\n/)
  t.match(text, /\r\n\r\n\{"detail":"Bad Request"\}$/)
})

test('a head that is too large is a 431, in the form of the chosen renderer', async (t) => {
  const bytes = `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`
  const text = await say(t, { clientErrorHandler: clientErrorHandler(renderFastify) }, bytes)
  t.match(text, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
  t.match(text, /"statusCode":431/)
})

test('a renderer may give text, and a socket that is gone gets nothing', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const handler = clientErrorHandler(() => ({ type: 'text/plain', body: 'no' }))
  const written: string[] = []
  let destroyed = 0
  const socketWith = (state: { destroyed: boolean; writable: boolean }) =>
    ({
      ...state,
      write: (text: string) => written.push(text),
      destroy: () => void destroyed++
    }) as never
  const error = Object.assign(new Error('x'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  handler.call(app, error, socketWith({ destroyed: false, writable: true }))
  t.match(written, [
    /^HTTP\/1\.1 408 Request Timeout\r\ncontent-type: text\/plain[\s\S]*\r\n\r\nno$/
  ])
  handler.call(app, new Error('x'), socketWith({ destroyed: false, writable: false }))
  handler.call(app, new Error('x'), socketWith({ destroyed: true, writable: false }))
  const reset = Object.assign(new Error('x'), { code: 'ECONNRESET' })
  handler.call(app, reset, socketWith({ destroyed: false, writable: true }))
  t.equal(written.length, 1)
  t.equal(destroyed, 2)
})

test('a renderer that fails or answers nothing of use is done without', async (t) => {
  const readsRequest = ({ request }: { request: { id: string } }) => ({ body: { id: request.id } })
  for (const render of [readsRequest, () => {}, async () => ({ body: 'x' }), () => 'text']) {
    const server = { clientErrorHandler: clientErrorHandler(render as never) }
    const text = await say(t, server, 'nonsense\r\n\r\n')
    t.match(text, /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\{"detail":"Bad Request"\}$/)
  }
})
