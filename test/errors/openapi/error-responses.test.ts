import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import errors, {
  type ErrorResponsesOptions,
  type ErrorsOptions,
  errorResponsesTransform,
  HTTPException
} from '../../../lib/errors/index.ts'
import { markSessionHook } from '../../../lib/errors/session-hook.ts'
import { errorApp } from '../error-app.ts'

async function documentedApp(
  t: Test,
  options: ErrorResponsesOptions = {},
  errorsOptions: ErrorsOptions = {}
) {
  const { app } = await errorApp(t, errorsOptions)
  await app.register(swagger, {
    openapi: { info: { title: 'a', version: '1' } },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json['$id'] ?? `def-${index}`)
    },
    transform: errorResponsesTransform(app, options)
  })
  const responses = async (url = '/', method = 'get') => {
    await app.ready()
    const document = JSON.parse(JSON.stringify(app.swagger()))
    return document.paths[url]?.[method]?.responses
  }
  return { app, responses }
}

const params = { type: 'object', properties: { id: { type: 'integer' } } }
const ok = async () => 'ok'

test('a route with a schema documents its 422, and keeps its 200', async (t) => {
  const { app, responses } = await documentedApp(t)
  app.get('/:id', { schema: { params } }, ok)
  app.get('/plain', ok)
  const documented = await responses('/{id}')
  t.same(documented['422'], {
    description: 'Validation Error',
    content: {
      'application/json': { schema: { $ref: '#/components/schemas/HTTPValidationError' } }
    }
  })
  t.same(documented['200'], { description: 'Default Response' })
  t.same(await responses('/plain'), { 200: { description: 'Default Response' } })
  const { components } = JSON.parse(JSON.stringify(app.swagger()))
  t.match(components.schemas.HTTPValidationError.properties.detail.items, {
    $ref: '#/components/schemas/ValidationError'
  })
  t.same(components.schemas.ValidationError.required, ['type', 'loc', 'msg'])
})

test('what a route declares itself stays', async (t) => {
  const { app, responses } = await documentedApp(t)
  const response = { 201: { description: 'Made', type: 'string' }, '4xx': { description: 'Mine' } }
  app.get('/:id', { schema: { params, response } }, ok)
  const { '4xx': _general, ...success } = response
  app.get('/made/:id', { schema: { params, response: success } }, ok)
  t.same(Object.keys(await responses('/{id}')), ['201', '4XX'])
  t.same(Object.keys(await responses('/made/{id}')), ['201', '422'])
})

test('documenting errors changes no reply', async (t) => {
  const { app } = await documentedApp(t)
  const errorResponses = { 409: { type: 'object', properties: { other: { type: 'string' } } } }
  app.get('/', { config: { errorResponses } }, async () => {
    throw new HTTPException(409, 'taken')
  })
  t.equal((await app.inject('/')).body, '{"detail":"taken"}')
})

test('a route that verifies a session documents 401, and 403 where claims are checked', async (t) => {
  const { app, responses } = await documentedApp(t)
  const hook = () => async () => {}
  const plain = markSessionHook(hook(), { checksClaims: false, isOptional: false })
  const withClaims = markSessionHook(hook(), { checksClaims: true, isOptional: false })
  app.get('/', { preHandler: [hook(), plain] }, ok)
  app.get('/claims', { onRequest: withClaims }, ok)
  t.match((await responses())['401'], {
    headers: { 'WWW-Authenticate': { schema: { type: 'string' } } },
    content: { 'application/json': { schema: { required: ['message'] } } }
  })
  t.equal((await responses())['403'], undefined)
  t.match((await responses('/claims'))['403'].content['application/json'].schema, {
    required: ['message', 'claimValidationErrors']
  })
})

test('statuses common to all routes, and errors of one route, are documented', async (t) => {
  const { app, responses } = await documentedApp(t, { common: [404, 500] })
  class OutOfStock extends HTTPException {
    static openapi = { status: 409, description: 'Out of stock' }
  }
  class Gone extends HTTPException {
    static openapi = { status: 410, schema: { type: 'string' } }
  }
  app.get('/', { config: { errorResponses: { 402: 'Pay first', 418: { type: 'string' } } } }, ok)
  app.get('/classes', { config: { errorResponses: [OutOfStock, Gone] } }, ok)
  const documented = await responses()
  t.same(Object.keys(documented), ['200', '402', '404', '418', '500'])
  t.match(documented, { 402: { description: 'Pay first' }, 404: { description: 'Not Found' } })
  t.match(documented['404'].content['application/json'].schema, { required: ['detail'] })
  t.match(await responses('/classes'), {
    409: { description: 'Out of stock' },
    410: { description: 'Gone', content: { 'application/json': { schema: { type: 'string' } } } }
  })
})

test('a scope with options of its own is documented with these', async (t) => {
  const { app, responses } = await documentedApp(t, { common: [404] })
  await app.register(async (child) => {
    await child.register(errors, { render: 'problem', validation: { status: 400 } })
    child.get('/child/:id', { schema: { params } }, ok)
    await child.register(async (grandchild) => {
      grandchild.get('/grandchild', ok)
    })
  })
  app.get('/:id', { schema: { params } }, ok)
  const contents = async (url: string, status: number) =>
    Object.keys((await responses(url))[status]?.content ?? {})
  t.same(await contents('/{id}', 404), ['application/json'])
  t.same(await contents('/child/{id}', 404), ['application/problem+json'])
  t.same(await contents('/grandchild', 404), ['application/problem+json'])
  t.same(Object.keys(await responses('/child/{id}')), ['200', '400', '404'])
})

test('a route that was declared before the plugin is documented with the app’s options', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let transform: ReturnType<typeof errorResponsesTransform> | undefined
  await app.register(swagger, {
    openapi: { info: { title: 'a', version: '1' } },
    transform: (input) => transform?.(input as never) ?? (input as never)
  })
  app.get('/before', ok)
  await app.register(errors, { render: 'problem' })
  transform = errorResponsesTransform(app, { common: [404] })
  await app.ready()
  const { paths } = JSON.parse(JSON.stringify(app.swagger()))
  t.same(Object.keys(paths['/before'].get.responses['404'].content), ['application/problem+json'])
})

test('schemas follow the renderer, or are the app’s own', async (t) => {
  const problem = await documentedApp(t, { common: [404] }, { render: 'problem' })
  problem.app.get('/:id', { schema: { params } }, ok)
  const documented = await problem.responses('/{id}')
  for (const status of [404, 422]) {
    t.same(Object.keys(documented[status].content), ['application/problem+json'])
  }
  const own = await documentedApp(t, {
    common: [404],
    errorSchema: { type: 'string' },
    validationSchema: { type: 'number' }
  })
  own.app.get('/:id', { schema: { params } }, ok)
  const schemaOf = async (status: number) =>
    (await own.responses('/{id}'))[status].content['application/json'].schema
  t.same(await schemaOf(404), { type: 'string' })
  t.same(await schemaOf(422), { type: 'number' })
})

test('statuses and forms are those that the options choose', async (t) => {
  const fastify = await documentedApp(t, { common: [404] }, { compat: 'fastify' })
  fastify.app.get('/:id', { schema: { params } }, ok)
  const documented = await fastify.responses('/{id}')
  t.same(Object.keys(documented), ['200', '400', '404'])
  for (const status of ['400', '404'])
    t.match(documented[status].content['application/json'].schema, {
      required: ['statusCode', 'error', 'message']
    })
  const sent = await fastify.app.inject('/one')
  t.equal(sent.statusCode, 400)
  t.match(Object.keys(sent.json()), ['statusCode', 'code', 'error', 'message'])

  const other = await documentedApp(
    t,
    {},
    {
      validation: { status: 409 },
      sessionExpiredStatusCode: 440,
      invalidClaimStatusCode: 441,
      challenge: false
    }
  )
  const hook = markSessionHook(async () => {}, { checksClaims: true, isOptional: false })
  other.app.get('/:id', { schema: { params }, preHandler: hook }, ok)
  const responses = await other.responses('/{id}')
  t.same(Object.keys(responses), ['200', '409', '440', '441'])
  t.equal(responses['440'].headers, undefined)
})

test('hidden routes and the twins of GET are left alone, and another transform goes first', async (t) => {
  const seen: string[] = []
  const transform = ({ schema, url }: { schema: unknown; url: string }) => {
    seen.push(url)
    return { schema, url: `/v1${url}` }
  }
  const { app, responses } = await documentedApp(t, {
    common: [404],
    transform: transform as never
  })
  app.get('/', ok)
  app.get('/hidden', { schema: { hide: true } }, ok)
  app.head('/head', ok)
  app.addSchema({ $id: 'other', type: 'string' })
  t.same(Object.keys(await responses('/v1/')), ['200', '404'])
  t.equal(await responses('/v1/hidden'), undefined)
  t.ok(seen.includes('/'))
})

test('options are checked, and schemas are added once', async (t) => {
  const { app } = await errorApp(t)
  t.throws(() => errorResponsesTransform(app, { comon: [404] } as never), {
    message: /'errorResponsesTransform\.comon'/
  })
  t.throws(() => errorResponsesTransform(app, null as never), {
    message: /'errorResponsesTransform'/
  })
  errorResponsesTransform(app)
  t.doesNotThrow(() => errorResponsesTransform(app))
})
