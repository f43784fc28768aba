// The password once more before what is dangerous, for five minutes.
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, {
  BooleanClaim,
  HTTPException,
  type SupersessionOptions
} from '../../lib/index.ts'

/** Whether the user has just shown the password. A login is not enough, so that it begins as false. */
const confirmed = new BooleanClaim({ key: 'confirmed', fetchValue: () => false })

const body = {
  type: 'object',
  required: ['password'],
  properties: { password: { type: 'string', maxLength: 200 } }
} as const

export async function buildApp(
  isPassword: (userId: string, password: string) => Promise<boolean>,
  options: SupersessionOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, { claims: [confirmed], ...options })

  app.post<{ Body: { password: string } }>(
    '/confirm',
    { schema: { body }, preHandler: app.verifySession() },
    async ({ session, body }) => {
      if (!(await isPassword(session.userId, body.password)))
        throw new HTTPException(403, 'Wrong password')
      await session.setClaim(confirmed, true)
      return {}
    }
  )

  const justConfirmed = app.verifySession({
    overrideGlobalClaimValidators: (validators) => [
      ...validators,
      confirmed.validators.isTrue({ maxAgeInSeconds: 300 })
    ]
  })
  app.delete('/account', { preHandler: justConfirmed }, async ({ session }) => {
    return { deleted: session.userId }
  })
  return app
}
