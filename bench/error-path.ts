// What does an error cost through the registry, compared with a hand-written error handler?
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import supertokens from 'supertokens-node'
import { errorHandler } from 'supertokens-node/framework/fastify/index.js'
import Session, { Error as SDKError } from 'supertokens-node/recipe/session/index.js'
import supersession, { HTTPException, TryRefreshTokenError } from '../lib/index.ts'
import { type Comparison, compare, type Run } from './compare.ts'
import { machine, report } from './report.ts'

/** An error as an app without the plugin would make it. */
class StatusError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

type Routes = (app: FastifyInstance) => void

async function withPlugin(routes: Routes): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, { signingAlgorithm: 'ES256' })
  routes(app)
  await app.ready()
  return app
}

async function bare(routes: Routes): Promise<FastifyInstance> {
  const app = Fastify()
  app.setErrorHandler<StatusError>((error, _request, reply) => {
    reply.code(error.statusCode).send({ detail: error.message })
  })
  routes(app)
  await app.ready()
  return app
}

async function withSDK(routes: Routes): Promise<FastifyInstance> {
  supertokens.default.init({
    framework: 'fastify',
    telemetry: false,
    supertokens: { connectionURI: 'http://127.0.0.1:1' },
    appInfo: { apiDomain: 'http://a.test', websiteDomain: 'http://a.test', appName: 'a' },
    recipeList: [Session.default.init()]
  })
  const app = Fastify()
  app.setErrorHandler(errorHandler() as never)
  routes(app)
  await app.ready()
  return app
}

function throwing(make: () => unknown): Routes {
  return (app) => {
    app.get('/', async () => {
      throw make()
    })
  }
}

function requests(app: FastifyInstance, request: InjectOptions = { url: '/' }): Run {
  return async () => await app.inject(request)
}

function withoutStack<T>(make: () => T): () => T {
  return () => {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    const made = make()
    Error.stackTraceLimit = limit
    return made
  }
}

const ok: Routes = (app) => {
  app.get('/', async () => ({ ok: true }))
}

const validated: Routes = (app) => {
  const body = { type: 'object', properties: { n: { type: 'integer' } } }
  app.post('/', { schema: { body } }, async () => 'ok')
}

const invalid: InjectOptions = { method: 'POST', url: '/', payload: { n: 'x' } }

class First extends Error {}
class Second extends First {}
class Third extends Second {}
class Fourth extends Third {}
class Fifth extends Fourth {}

function handledClass(make: () => Error): Routes {
  return (app) => {
    app.setExceptionHandler(First, () => ({ handled: true }))
    throwing(make)(app)
  }
}

const scenarios: { name: string; target: number; run: () => Promise<Comparison> }[] = [
  {
    name: 'a success, with the plugin and without',
    target: 0.99,
    run: async () => await compare(requests(await withPlugin(ok)), requests(await bare(ok)))
  },
  {
    name: '`HTTPException(404)` against a bare handler and an Error with a stack',
    target: 1.2,
    run: async () =>
      await compare(
        requests(await withPlugin(throwing(() => new HTTPException(404)))),
        requests(await bare(throwing(() => new StatusError(404, 'Not Found'))))
      )
  },
  {
    name: 'the same against a bare handler and an Error without a stack',
    target: 1,
    run: async () =>
      await compare(
        requests(await withPlugin(throwing(() => new HTTPException(404)))),
        requests(await bare(throwing(withoutStack(() => new StatusError(404, 'Not Found')))))
      )
  },
  {
    name: "a session's 401 against the SDK's error handler",
    target: 1.2,
    run: async () => {
      const sdkError = () => new SDKError({ message: 'expired', type: 'TRY_REFRESH_TOKEN' })
      return await compare(
        requests(await withPlugin(throwing(() => new TryRefreshTokenError()))),
        requests(await withSDK(throwing(sdkError)))
      )
    }
  },
  {
    name: "an invalid body, 422 with one issue, against Fastify's 400",
    target: 0.9,
    run: async () => {
      const fastify = Fastify()
      validated(fastify)
      return await compare(
        requests(await withPlugin(validated), invalid),
        requests(fastify, invalid)
      )
    }
  },
  {
    name: 'a handler of a class five levels up against one of the class itself',
    target: 0.99,
    run: async () =>
      await compare(
        requests(await withPlugin(handledClass(withoutStack(() => new Fifth())))),
        requests(await withPlugin(handledClass(withoutStack(() => new First()))))
      )
  }
]

/** How much the heap grows by a million errors of ten thousand classes that are not kept. */
async function heapGrowthMB(): Promise<number> {
  let make = () => new Error()
  const app = await withPlugin(throwing(() => make()))
  const round = async () => {
    for (let index = 0; index < 10_000; index++) {
      const Anonymous = class extends HTTPException {}
      make = () => new Anonymous(404)
      for (let time = 0; time < 10; time++) await app.inject('/')
      // Node releases requests only when the event loop turns.
      if (index % 100 === 0) await new Promise(setImmediate)
    }
    globalThis.gc?.()
    return process.memoryUsage().heapUsed
  }
  const before = await round()
  let after = before
  for (let times = 0; times < 9; times++) after = await round()
  return (after - before) / 2 ** 20
}

const lines = [
  `Measured on ${machine()}, through \`app.inject\`, by turns; medians.`,
  '',
  '| scenario | ours / other | target | ours, requests/s | other, requests/s |',
  '| --- | --- | --- | --- | --- |'
]
for (const { name, target, run } of scenarios) {
  const { ratio, oursPerSecond, otherPerSecond } = await run()
  const figures = [
    ratio.toFixed(2),
    `≥ ${target}`,
    oursPerSecond.toFixed(0),
    otherPerSecond.toFixed(0)
  ]
  lines.push(`| ${name} | ${figures.join(' | ')} |`)
}
if (process.argv.includes('--memory')) {
  const growth = await heapGrowthMB()
  lines.push(
    '',
    `The heap grew by ${growth.toFixed(1)} MB over the last 900 000 of a million errors of ten thousand classes per round.`
  )
}
await report('error-path', lines.join('\n'))
