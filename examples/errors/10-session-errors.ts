// SuperTokens for FastAPI, "Custom error handling": one handler for each session error, by name.
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { TokenTheftDetectedError, TryRefreshTokenError } from '../../lib/index.ts'

export async function build(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, {
    exceptionHandlers: {
      UNAUTHORISED: () => ({ error_msg: 'unauthorised' }),
      TRY_REFRESH_TOKEN: () => ({ error_msg: 'try refresh token' }),
      // The session is revoked already. The tokens are cleared, whatever this handler answers.
      TOKEN_THEFT_DETECTED: ({ payload }) => ({
        error_msg: 'token theft',
        handle: payload.sessionHandle
      })
    }
  })
  app.get('/me', { preHandler: app.verifySession() }, async ({ session }) => session?.userId)
  // These two routes throw what a verification and a refresh throw.
  app.get('/expired', async () => {
    throw new TryRefreshTokenError()
  })
  app.get('/stolen', async () => {
    const payload = { sessionHandle: 'h-1', userId: 'ada', recipeUserId: 'ada' }
    throw new TokenTheftDetectedError(payload)
  })
  return app
}
