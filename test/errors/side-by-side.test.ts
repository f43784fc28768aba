import { readFile } from 'node:fs/promises'
import { STATUS_CODES } from 'node:http'
import createFastifyError from '@fastify/error'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import createError from 'http-errors'
import { test } from 'tap'
import errors from '../../lib/errors/index.ts'

// The same requests to plain Fastify and to Fastify with the errors plugin that keeps its bodies.

const hooks = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'handler'] as const
/** Fastify itself breaks off where these throw what is no error, so they throw errors alone. */
const replyHooks = ['preSerialization', 'onSend'] as const
const statuses = Object.keys(STATUS_CODES)
  .map(Number)
  .filter((status) => status >= 400)

const forms: Record<string, () => unknown> = {
  'an Error': () => new Error('x'),
  'an Error with statusCode 404': () => Object.assign(new Error('x'), { statusCode: 404 }),
  'an Error with statusCode 503': () => Object.assign(new Error('x'), { statusCode: 503 }),
  'an Error with a code': () => Object.assign(new Error('x'), { statusCode: 409, code: 'E_X' }),
  'an Error with status 401': () => Object.assign(new Error('x'), { status: 401 }),
  'an http-errors 410': () => createError(410, 'x'),
  'an http-errors 502': () => createError(502, 'x'),
  'an @fastify/error': () => new (createFastifyError('E_Y', 'y %s', 418))('z'),
  'a plain object with statusCode 429': () => ({ statusCode: 429, message: 'slow down' }),
  'a string': () => 'x',
  'a number': () => 7
}

/** A hook that passes the error to its callback, which comes last. */
function doneWith(hook: string, make: () => unknown): unknown {
  type Done = (error: unknown) => void
  return hook === 'preParsing'
    ? (_request: unknown, _reply: unknown, _payload: unknown, done: Done) => done(make())
    : (_request: unknown, _reply: unknown, done: Done) => done(make())
}

/** Once for each request: what throws while its own error is sent is beyond any handler. */
function throwOnce(make: () => unknown): (request: object) => Promise<void> {
  const thrown = new WeakSet<object>()
  return async (request) => {
    if (thrown.has(request)) return
    thrown.add(request)
    throw make()
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: unknown
}

function routes(app: FastifyInstance): void {
  for (const [index, make] of Object.values(forms).entries()) {
    for (const hook of hooks) {
      const fail = async () => {
        throw make()
      }
      const url = `/${hook}/${index}`
      if (hook === 'handler') app.get(url, fail)
      else app.get(url, { [hook]: fail }, async () => ({}))
      if (hook !== 'handler')
        app.get(`/done${url}`, { [hook]: doneWith(hook, make) }, async () => ({}))
    }
    app.get(`/sent/${index}`, (_request, reply) => void reply.send(make()))
    for (const hook of replyHooks)
      app.get(`/${hook}/${index}`, { [hook]: throwOnce(make) }, async () => ({}))
  }
  for (const status of statuses) {
    app.get(`/status/${status}`, async () => {
      throw Object.assign(new Error('x'), { statusCode: status })
    })
    app.get(`/code/${status}`, async (_request, reply) => {
      reply.code(status)
      throw new Error('x')
    })
  }
  const body = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } }
  app.post('/body', { schema: { body } }, async () => 'ok')
  app.get('/code', async (_request, reply) => {
    reply.code(403)
    throw new Error('x')
  })
}

async function answerOf(app: FastifyInstance, request: InjectOptions): Promise<Answer> {
  const reply = await app.inject(request)
  const type = String(reply.headers['content-type'])
  return { status: reply.statusCode, type, body: type.includes('json') ? reply.json() : reply.body }
}

const JSON_TYPE = 'application/json; charset=utf-8'

/** An error in Fastify's form. */
function fastifyError(
  statusCode: number,
  message = STATUS_CODES[statusCode],
  more: object = {}
): Answer {
  const error = STATUS_CODES[statusCode]
  return { status: statusCode, type: JSON_TYPE, body: { statusCode, ...more, error, message } }
}

/** What differs, and is meant to: for whom, and what the answer is then. */
interface Difference {
  /** docs/errors.md has these words. */
  readonly words: string
  readonly isFor: (name: string, plain: Answer) => boolean
  readonly ours: (name: string, plain: Answer) => Answer
}

const meant: readonly Difference[] = [
  {
    words: 'the text is hidden',
    isFor: (name, { status }) => status >= 500 && !/a (string|number)|status 401/.test(name),
    ours: (_name, { status, body }) => {
      const { code } = body as { code?: string }
      return fastifyError(status, undefined, code === undefined ? {} : { code })
    }
  },
  {
    words: 'a bare status is not believed',
    isFor: (name) => name.includes('status 401'),
    ours: () => fastifyError(500)
  },
  {
    words: 'what is thrown and is no error is a 500 in the form of an error',
    isFor: (name) => /a (string|number|plain object)/.test(name),
    ours: (name) =>
      name.includes('plain object') ? fastifyError(429, 'slow down') : fastifyError(500)
  },
  {
    words: 'the URL is not repeated',
    isFor: (name) => name === 'unknown path',
    ours: () => fastifyError(404)
  },
  {
    words: 'a known path with another method is a 405',
    isFor: (name) => name === 'wrong method',
    ours: () => fastifyError(405)
  }
]

test('with compat fastify replies are those of Fastify, but for what docs/errors.md lists', async (t) => {
  const plain = Fastify()
  const ours = Fastify()
  await ours.register(errors, { compat: 'fastify' })
  for (const app of [plain, ours]) {
    t.teardown(() => app.close())
    routes(app)
  }
  const requests: Record<string, InjectOptions> = {
    'unknown path': { url: '/nowhere' },
    'wrong method': { method: 'DELETE', url: '/code' },
    'an invalid body': { method: 'POST', url: '/body', payload: { n: 'x' } },
    'no body': { method: 'POST', url: '/body' },
    'malformed JSON': {
      method: 'POST',
      url: '/body',
      payload: '{',
      headers: { 'content-type': 'application/json' }
    },
    'another media type': {
      method: 'POST',
      url: '/body',
      payload: 'x',
      headers: { 'content-type': 'text/x' }
    },
    'a status set before the throw': { url: '/code' }
  }
  for (const [index, form] of Object.keys(forms).entries()) {
    for (const hook of hooks) {
      requests[`${form}, in ${hook}`] = { url: `/${hook}/${index}` }
      if (hook !== 'handler')
        requests[`${form}, to done in ${hook}`] = { url: `/done/${hook}/${index}` }
    }
    if (/a (string|number|plain)/.test(form)) continue
    requests[`${form}, sent`] = { url: `/sent/${index}` }
    for (const hook of replyHooks) requests[`${form}, in ${hook}`] = { url: `/${hook}/${index}` }
  }
  for (const status of statuses) {
    requests[`statusCode ${status}`] = { url: `/status/${status}` }
    requests[`reply.code(${status})`] = { url: `/code/${status}` }
  }
  const used = new Set<Difference>()
  for (const [name, request] of Object.entries(requests)) {
    const [fastify, answer] = [await answerOf(plain, request), await answerOf(ours, request)]
    const difference = meant.find(({ isFor }) => isFor(name, fastify))
    if (difference === undefined) t.same(answer, fastify, name)
    else {
      used.add(difference)
      t.same(answer, difference.ours(name, fastify), `${name}: ${difference.words}`)
    }
  }
  t.equal(used.size, meant.length)
  const page = await readFile('docs/errors.md', 'utf8')
  for (const { words } of meant) t.ok(page.includes(words), words)
})
