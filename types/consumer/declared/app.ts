// What has to compile with each TypeScript. It is not run.
import swagger from '@fastify/swagger'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import supersession, {
  BooleanClaim,
  type ClaimValidator,
  errorResponsesTransform,
  HTTPException,
  on,
  PrimitiveArrayClaim,
  type Session,
  type SupersessionOptions,
  sessionSecuritySchemes,
  type WithOptionalSession
} from 'fastify-supersession'
import { useSdkErrorHandler } from 'fastify-supersession/supertokens'
import { injectAs } from 'fastify-supersession/testing'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider
} from 'fastify-type-provider-zod'
import { z } from 'zod'

// What this app declares, once.
interface Cart {
  readonly items: readonly { readonly id: string; readonly amount: number }[]
}
declare module 'fastify' {
  interface SessionClaims {
    readonly plan?: 'free' | 'pro'
  }
  interface SessionData {
    readonly cart: Cart
  }
  interface FastifyRequest {
    auth: Session
  }
}

const roles = new PrimitiveArrayClaim<'admin' | 'user'>({
  key: 'roles',
  fetchValue: async ({ userId }) => (userId === 'ada' ? ['admin', 'user'] : ['user'])
})
const verified = new BooleanClaim({ key: 'st-ev', fetchValue: () => true })

const paying: ClaimValidator = {
  id: 'paying',
  validate: ({ plan }) => (plan === 'pro' ? { isValid: true } : { isValid: false, reason: plan })
}

const options: SupersessionOptions = {
  accessTokenValidity: '15m',
  claims: [roles, verified],
  globalClaimValidators: [verified.validators.isTrue()],
  exceptionHandlers: [on(RangeError, (error) => ({ said: error.message }))]
}

const app = Fastify().withTypeProvider<ZodTypeProvider>()
app.setValidatorCompiler(validatorCompiler)
app.setSerializerCompiler(serializerCompiler)
await app.register(supersession, options)

app.post('/login', { schema: { body: z.object({ user: z.string() }) } }, async (request, reply) => {
  const session = await app.sessions.create(request, reply, {
    userId: request.body.user,
    accessTokenPayload: { plan: 'free' },
    sessionData: { cart: { items: [] } }
  })
  return { handle: session.handle }
})

app.get('/cart', { preHandler: app.verifySession() }, async (request) => {
  const { cart } = await request.session.getData()
  const { sessionData } = await request.session.info()
  const amounts: number[] = [...cart.items, ...sessionData.cart.items].map(({ amount }) => amount)
  return { plan: request.session.payload.plan ?? 'free', amounts }
})

app.put(
  '/cart/:id',
  {
    schema: { params: z.object({ id: z.string() }), body: z.object({ amount: z.number() }) },
    preHandler: app.verifySession({ checkDatabase: true })
  },
  async (request) => {
    const { id } = request.params
    const { cart } = await request.session.getData()
    const items = [...cart.items, { id, amount: request.body.amount }]
    await request.session.updateData({ cart: { items } })
    await request.session.mergePayload({ plan: null })
  }
)

// Where the session is not required, the compiler asks what is to happen without one.
const optional = app.verifySession({ sessionRequired: false })
app.get('/', { preHandler: optional }, async (request: WithOptionalSession) => {
  return request.session === null ? 'Hello' : `Hello, ${request.session.userId}`
})

app.get(
  '/welcome/:name',
  { schema: { params: z.object({ name: z.string() }) }, preHandler: optional },
  async (request) => {
    const { session }: WithOptionalSession = request
    return [request.params.name, session?.userId]
  }
)

// Plugins of the app, with and without a scope of their own.
const account = fp(async (scope) => {
  scope.addHook('onRequest', scope.verifySession())
  scope.get('/account', async (request) => request.session.devices())
})
await app.register(account)

async function admin(scope: FastifyInstance) {
  const mustBeAdmin = scope.verifySession({
    overrideGlobalClaimValidators: (validators, session) => [
      ...validators,
      ...(session.tenantId === 'public' ? [roles.validators.includes('admin'), paying] : [])
    ]
  })
  scope.addHook('preHandler', mustBeAdmin)
  scope.setExceptionHandler('INVALID_CLAIMS', (error) => ({ missing: error.payload[0]?.id }))
  scope.get('/users/:id', async (request: FastifyRequest<{ Params: { id: string } }>) => {
    const handles = await scope.sessions.list(request.params.id)
    const found = await Promise.all(handles.map((handle) => scope.sessions.info(handle)))
    return found.map((information) => information?.accessTokenPayload.plan)
  })
}
await app.register(admin, { prefix: '/admin' })

// A function of the app that takes a session, and one that takes any request.
async function requirePlan(session: Session, plan: 'free' | 'pro'): Promise<void> {
  if (session.payload.plan !== plan) throw new HTTPException(402, { plan })
}
app.get('/pro', { preHandler: app.verifySession() }, async (request) => {
  await requirePlan(request.session, 'pro')
})
async function userOf(request: FastifyRequest): Promise<string | undefined> {
  const session = await request.verifySession({ sessionRequired: false })
  return session?.userId
}
app.get('/me', async (request) => ({ user: await userOf(request) }))

// An app with a logger of its own, which makes it another type than `FastifyInstance`.
interface AuditLogger extends FastifyBaseLogger {
  audit(text: string): void
}
declare const logger: AuditLogger
const logged = Fastify({ loggerInstance: logger })
await logged.register(supersession)
await logged.register(swagger, {
  transform: errorResponsesTransform(logged, { securitySchemes: sessionSecuritySchemes })
})
logged.get('/me', { preHandler: logged.verifySession() }, async ({ session }) => session.userId)

// HTTP/2, whose requests are of a type of their own.
const http2 = Fastify({ http2: true })
await http2.register(supersession)
http2.post('/login', async (request, reply) => {
  const sessionData = { cart: { items: [] } }
  await http2.sessions.create(request, reply, { userId: 'ada', sessionData })
  await http2.sessions.refresh(request, reply)
})
http2.get('/me', { preHandler: http2.verifySession() }, async ({ session }) => session.userId)

for (const each of [app, logged, http2]) {
  useSdkErrorHandler(each, async () => {})
  const inject = await injectAs(each, 'ada', {
    claims: [
      [roles, ['admin']],
      [verified, true]
    ],
    sessionData: { cart: { items: [] } }
  })
  await inject('/me')
}

// An app whose `request.session` is another plugin's.
const renamed = Fastify()
await renamed.register(supersession, { requestProperty: 'auth' })
renamed.get('/me', { preHandler: renamed.verifySession() }, async ({ auth }) => auth.userId)
