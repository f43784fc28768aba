import swagger from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import Fastify, { type FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import supersession, {
  BooleanClaim,
  errorResponsesTransform,
  type SupersessionOptions,
  sessionSecuritySchemes
} from '../../lib/index.ts'
import { FAST_KEYS } from '../builders/app.ts'

const VERSIONS = ['3.0.3', '3.1.0'] as const
const ok = async () => 'ok'
const both = [{ sessionCookie: [] }, { sessionToken: [] }]

async function documentOf(
  t: Test,
  addRoutes: (app: FastifyInstance) => void,
  { version = '3.0.3', ...options }: SupersessionOptions & { version?: string } = {}
) {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession, { ...FAST_KEYS, ...options })
  await app.register(swagger, {
    openapi: {
      openapi: version,
      info: { title: 'a', version: '1' },
      components: { securitySchemes: sessionSecuritySchemes }
    },
    transform: errorResponsesTransform(app, { securitySchemes: sessionSecuritySchemes })
  })
  addRoutes(app)
  await app.ready()
  return JSON.parse(JSON.stringify(app.swagger()))
}

for (const version of VERSIONS) {
  test(`the document says where a session is verified, and is valid OpenAPI ${version}`, async (t) => {
    const { paths, components, ...document } = await documentOf(
      t,
      (app) => {
        app.get('/open', ok)
        app.get('/mine', { preHandler: app.verifySession() }, ok)
        app.get('/maybe', { onRequest: [app.verifySession({ sessionRequired: false })] }, ok)
        app.get('/own', { preHandler: app.verifySession(), schema: { security: [] } }, ok)
        app.register(async (scope) => {
          scope.addHook('onRequest', scope.verifySession())
          scope.get('/scoped', ok)
          scope.get('/twice', { preHandler: scope.verifySession({ sessionRequired: false }) }, ok)
          scope.register(async (inner) => {
            inner.get('/inner', ok)
          })
        })
      },
      { version }
    )
    t.same(components.securitySchemes, sessionSecuritySchemes)
    t.equal(paths['/open'].get.security, undefined)
    for (const url of ['/mine', '/scoped', '/twice', '/inner']) {
      t.same(paths[url].get.security, both, url)
      t.ok(paths[url].get.responses['401'], url)
      t.equal(paths[url].get.responses['403'], undefined, url)
    }
    t.same(paths['/maybe'].get.security, [...both, {}])
    t.same(paths['/own'].get.security, [], 'what a route declares itself stays')
    const { valid, errors } = await new Validator().validate({ ...document, paths, components })
    t.ok(valid, JSON.stringify(errors))
  })
}

test('the routes of the plugin are not listed', async (t) => {
  const { paths } = await documentOf(t, (app) => {
    app.get('/open', ok)
  })
  t.same(Object.keys(paths), ['/open'])
})

test('global claim validators, and routes for bound sessions, may answer 403', async (t) => {
  const claim = new BooleanClaim({ key: 'c', fetchValue: () => true })
  for (const globalClaimValidators of [[claim.validators.isTrue()], () => []]) {
    const { paths } = await documentOf(
      t,
      (app) => {
        app.get('/', { preHandler: app.verifySession() }, ok)
      },
      { globalClaimValidators }
    )
    t.ok(paths['/'].get.responses['403'])
  }
  const { paths } = await documentOf(
    t,
    (app) => {
      app.get('/', { preHandler: app.verifySession({ deviceBound: true }) }, ok)
    },
    { deviceBinding: 'dpop' }
  )
  t.ok(paths['/'].get.responses['403'])
})

test('without security schemes the document has no security', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(supersession, FAST_KEYS)
  await app.register(swagger, { openapi: {}, transform: errorResponsesTransform(app) })
  app.get('/', { preHandler: app.verifySession() }, ok)
  await app.ready()
  t.equal(JSON.parse(JSON.stringify(app.swagger())).paths['/'].get.security, undefined)
})
