import type {
  FastifyInstance,
  FastifyRequest,
  InjectOptions,
  LightMyRequestResponse
} from 'fastify'
import { test } from 'tap'
import { type ErrorsOptions, HTTPException } from '../../lib/errors/index.ts'
import { errorApp } from './error-app.ts'

const secret = 'tr0ub4dor'

/** A generator that gives the same numbers in every run, so that a failure can be repeated. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed
  for (;;) {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const refuse = () => {
  throw new Error(secret)
}

/** Ways to make a value to throw; each is made anew, because some are spoilt by being thrown. */
const makers: (() => unknown)[] = [
  () => undefined,
  () => null,
  () => secret,
  () => 404,
  () => Number.NaN,
  () => true,
  () => 10n,
  () => Symbol(secret),
  () => ({ statusCode: 400, message: secret }),
  () => Object.create(null),
  () => () => secret,
  () => Promise.resolve(secret),
  () => Object.freeze(new Error(secret)),
  () => Object.freeze(new HTTPException(404)),
  () => new Proxy(new Error(secret), { get: refuse }),
  () => new Proxy(new Error(secret), { getPrototypeOf: refuse, has: refuse, ownKeys: refuse }),
  () => new Proxy(new Error(secret), { getOwnPropertyDescriptor: refuse, set: () => false }),
  () => Object.setPrototypeOf(new Error(secret), null),
  () => Object.defineProperty(new Error(secret), 'message', { get: refuse }),
  () => Object.defineProperty(new Error(secret), 'statusCode', { get: refuse }),
  () => Object.defineProperty(new Error(secret), 'headers', { get: refuse }),
  () => Object.defineProperty(new Error(secret), 'stack', { get: refuse }),
  () => Object.defineProperty(new Error(secret), 'cause', { get: refuse }),
  () => new Error(secret.repeat(20_000)),
  () => Object.assign(new Error('x'), { cause: cyclic() }),
  () => new AggregateError([], secret),
  () => new AggregateError([new AggregateError([new HTTPException(409)])]),
  () => Object.assign(new Error('x'), { statusCode: 418, headers: { 'x-bad': 'a\r\nb', ok: '1' } }),
  () => Object.assign(new Error('x'), { statusCode: 418, headers: { __proto__: null, 'a b': 1 } }),
  () => Object.assign(new Error('x'), { statusCode: 418, headers: [secret] }),
  () => new HTTPException(409, cyclic()),
  () => new HTTPException(409, { toJSON: refuse }),
  () => new HTTPException(409, Object.defineProperty({}, 'a', { enumerable: true, get: refuse })),
  () => new HTTPException(409, nested(5_000)),
  () =>
    new HTTPException(409, 'x', {
      headers: { 'set-cookie': ['a=1', 'b=\n'], 'content-length': 1 }
    }),
  () => new HTTPException(204, 'x'),
  () => new HTTPException(304, 'x'),
  () => Object.assign(new Error('x'), { validation: 7, validationContext: 'body' }),
  () => Object.assign(new Error('x'), { validation: [null, 7, {}], validationContext: 'body' }),
  () =>
    Object.assign(new Error('x'), {
      validation: [{ keyword: 'enum', instancePath: '/a' }],
      validationContext: 'params'
    }),
  () => Object.assign(new Error('x'), { type: 'UNAUTHORISED', fromRecipe: 'session', payload: 7 }),
  () => Object.assign(new Error('x'), { type: 'nonsense', errMagic: 'm' }),
  () => Object.assign(new Error('x'), { serialization: secret }),
  () => Object.assign(new Error(secret), { code: 'FST_ERR_CTP_INVALID_JSON_BODY', offset: -1 })
]

function cyclic(): Error {
  const error = new Error('round')
  return Object.assign(error, { cause: error, self: error })
}

function nested(depth: number): unknown {
  let value: unknown = 'deep'
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

const hooks = [
  'onRequest',
  'preParsing',
  'preValidation',
  'preHandler',
  'preSerialization',
  'onSend'
] as const
const places = [
  ...hooks,
  'handler',
  'sync handler',
  'returned',
  'sent',
  'handler of handler'
] as const
type Place = (typeof places)[number]

const routes: InjectOptions[] = [
  { url: '/' },
  { method: 'POST', url: '/', payload: { a: 1 } },
  { method: 'HEAD', url: '/' },
  { url: '/', headers: { accept: 'text/html' } }
]

/** What to throw where, in the request that is under way. */
interface Plan {
  place: Place
  make: () => unknown
  /** What exception handlers do with the error: pass it on, throw something, answer, or nothing. */
  reaction: () => unknown
}

function throwingApp(app: FastifyInstance, plan: Plan): void {
  const seen = new WeakSet<FastifyRequest>()
  const act = (place: Place, request: FastifyRequest) => {
    // Once per request: what fails again for the error's own reply leaves nobody to answer.
    if (plan.place !== place || seen.has(request)) return
    seen.add(request)
    throw plan.make()
  }
  for (const name of hooks) {
    app.addHook(name as 'onRequest', async (request) => act(name, request))
  }
  app.route({
    method: ['GET', 'POST'],
    url: '/',
    handler: (request, reply) => {
      if (plan.place === 'sync handler') act('sync handler', request)
      if (plan.place === 'sent') return reply.send(plan.make())
      if (plan.place === 'returned') return Promise.resolve(plan.make())
      if (plan.place === 'handler of handler') throw new RangeError('start')
      return Promise.resolve().then(() => {
        act('handler', request)
        return { ok: true }
      })
    }
  })
  app.setExceptionHandler(RangeError, () => {
    throw plan.make()
  })
  app.setExceptionHandler(HTTPException, (_error, _request, _reply, context) => {
    return plan.reaction() ?? context.next()
  })
  app.setExceptionHandler(Error, async (_error, _request, _reply, context) => {
    return plan.reaction() ?? context.next()
  })
}

const reactions: ((make: () => unknown) => () => unknown)[] = [
  () => () => undefined,
  (make) => () => {
    throw make()
  },
  () => () => ({ handled: true })
]

/** What is wrong with a reply to something thrown. */
function faultsOf(reply: LightMyRequestResponse, replies: number, isHead: boolean): string[] {
  const { statusCode, body, headers } = reply
  const faults: string[] = []
  if (replies !== 1) faults.push(`${replies} replies`)
  if (statusCode < 200 || statusCode > 599) faults.push(`status ${statusCode}`)
  if (statusCode >= 500 && body.includes(secret)) faults.push('a secret on the wire')
  // A value that is returned and is no error is an ordinary reply, and Fastify's to send.
  const isJson = /json/.test(String(headers['content-type'])) && statusCode !== 200 && !isHead
  if (isJson && !parses(body)) faults.push('malformed JSON')
  return faults
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const settings: ErrorsOptions[] = [
  {},
  { render: 'problem' },
  { compat: 'fastify' },
  { stripHeaders: 'all' },
  { render: refuse }
]

for (const [index, options] of settings.entries()) {
  test(`whatever is thrown anywhere, there is one well-formed reply without a secret (${index})`, async (t) => {
    const unhandled: unknown[] = []
    const record = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', record)
    t.teardown(() => process.off('unhandledRejection', record))
    const { app } = await errorApp(t, options)
    const plan: Plan = { place: 'handler', make: () => null, reaction: () => undefined }
    throwingApp(app, plan)
    let sends = 0
    app.addHook('onResponse', async () => void sends++)
    const random = numbers(index + 1)
    const pick = <T>(list: readonly T[]): T =>
      list[Math.floor(random.next().value * list.length)] as T
    for (let run = 0; run < 400; run++) {
      const make = pick(makers)
      const other = pick(makers)
      Object.assign(plan, { place: pick(places), make, reaction: pick(reactions)(other) })
      const route = pick(routes)
      const before = sends
      const reply = await app.inject(route)
      // onResponse runs when the reply is written, which inject may resolve a moment before.
      await new Promise((resolve) => setImmediate(resolve))
      for (const fault of faultsOf(reply, sends - before, route.method === 'HEAD')) {
        t.fail(`${fault}, run ${run}: ${plan.place} ${make} then ${other}`)
      }
    }
    t.same(unhandled, [])
  })
}
