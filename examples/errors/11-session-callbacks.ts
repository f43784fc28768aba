// SuperTokens, "Customizing error handling": the `errorHandlers` of Session.init as they are.
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { InvalidClaimsError, TokenTheftDetectedError } from '../../lib/index.ts'

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, {
    errorHandlers: {
      onUnauthorised: async (message, _request, reply) => {
        await reply.code(401).send({ message, login: '/login' })
      },
      onInvalidClaim: async (claimErrors, _request, reply) => {
        const missing = claimErrors.map(({ id }) => id)
        await reply.code(403).send({ message: 'invalid claim', missing })
      },
      onTokenTheftDetected: async (sessionHandle, userId, _request, reply) => {
        await reply.code(401).send({ message: `${sessionHandle} of ${userId} was stolen` })
      }
    }
  })
  app.get('/me', { preHandler: app.verifySession() }, async ({ session }) => session?.userId)
  app.get('/claims', async () => {
    throw new InvalidClaimsError([{ id: 'st-ev', reason: 'e-mail not verified' }])
  })
  app.get('/stolen', async () => {
    const payload = { sessionHandle: 'h-1', userId: 'ada', recipeUserId: 'ada' }
    throw new TokenTheftDetectedError(payload)
  })
  return app
}
