import Fastify from 'fastify'
import supersession, {
  BooleanClaim,
  type ClaimValidator,
  PrimitiveArrayClaim,
  type WithOptionalSession
} from 'fastify-supersession'
import { injectAs } from 'fastify-supersession/testing'

// Each line is one that must not compile. What is declared, `app.ts` says.
const app = Fastify()
const roles = new PrimitiveArrayClaim<'admin' | 'user'>({
  key: 'roles',
  fetchValue: () => ['user']
})

// @ts-expect-error an option is misspelt
app.register(supersession, { accessTokenValidty: '15m' })
// @ts-expect-error there is no such option of the hook
app.verifySession({ required: true })
// @ts-expect-error a claim holds what it is of
new BooleanClaim({ key: 'verified', fetchValue: () => 'yes' })
// @ts-expect-error no session can have this role
roles.validators.includes('root')
export const paying: ClaimValidator = {
  id: 'paying',
  // @ts-expect-error a claim has another value
  validate: ({ plan }) => ({ isValid: plan === 'gold' })
}

app.get('/', { preHandler: app.verifySession() }, async (request, reply) => {
  const { session } = request
  // @ts-expect-error a claim is misspelt
  session.payload.paln
  // @ts-expect-error a claim has another value
  session.payload.plan === 'gold'
  // @ts-expect-error the update of a claim is misspelt
  await session.mergePayload({ paln: 'pro' })
  // @ts-expect-error data is misspelt
  ;(await session.getData()).crat
  // @ts-expect-error data is misspelt where the session is described
  ;(await session.info()).sessionData.crat
  // @ts-expect-error a part of the data is missing
  await session.updateData({})
  // @ts-expect-error a session with data of another kind
  await app.sessions.create(request, reply, { userId: 'ada', sessionData: { cart: [] } })
  // @ts-expect-error a session without the data that is declared
  await app.sessions.create(request, reply, { userId: 'ada' })
  // @ts-expect-error a session without a user
  await app.sessions.create(request, reply, { sessionData: { cart: { items: [] } } })
  // @ts-expect-error it may be null
  ;(await request.verifySession({ sessionRequired: false })).userId
})

// @ts-expect-error a claim of a test has another value
await injectAs(app, 'ada', { claims: [[roles, ['root']]] })

const optional = app.verifySession({ sessionRequired: false })
app.get('/optional', { preHandler: optional }, async (request: WithOptionalSession) => {
  // @ts-expect-error it may be null
  return request.session.userId
})
