import { readFile } from 'node:fs/promises'
import createFastifyError from '@fastify/error'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import createError from 'http-errors'
import { test } from 'tap'
import errors from '../../lib/errors/index.ts'

// The same requests to plain Fastify and to Fastify with the errors plugin that keeps its bodies.

/** Without preSerialization: Fastify itself breaks off where that throws what is no error. */
const hooks = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'handler'] as const

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
      if (hook === 'handler')
        app.get(`/sent/${index}`, (_request, reply) => void reply.send(make()))
    }
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

/** What differs, and is meant to. docs/errors.md lists the reasons. */
const meant: Record<string, string> = {
  'a status from 500 on': 'the text is hidden',
  'a bare status': 'a bare status is not believed',
  'a thrown value': 'what is thrown and is no error is a 500 in the form of an error',
  'an unknown path': 'the URL is not repeated',
  'a wrong method': 'a known path with another method is a 405'
}

function differenceOf(name: string, plain: Answer, ours: Answer): string | undefined {
  if (JSON.stringify(plain) === JSON.stringify(ours)) return undefined
  if (name === 'unknown path') return 'an unknown path'
  if (name === 'wrong method') return 'a wrong method'
  if (name.includes('status 401')) return 'a bare status'
  if (/a (string|number|plain object)/.test(name)) return 'a thrown value'
  if (ours.status >= 500 && ours.status === plain.status) return 'a status from 500 on'
  return `${name}: ${JSON.stringify(plain)} is ${JSON.stringify(ours)}`
}

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
    for (const hook of hooks) requests[`${form}, in ${hook}`] = { url: `/${hook}/${index}` }
    if (!/a (string|number|plain)/.test(form)) requests[`${form}, sent`] = { url: `/sent/${index}` }
  }
  const differences = new Set<string>()
  for (const [name, request] of Object.entries(requests)) {
    const difference = differenceOf(
      name,
      await answerOf(plain, request),
      await answerOf(ours, request)
    )
    if (difference !== undefined) differences.add(difference)
  }
  t.same([...differences].sort(), Object.keys(meant).sort())
  const page = await readFile('docs/errors.md', 'utf8')
  for (const text of Object.values(meant)) t.ok(page.includes(text), text)
})
