import type { FastifyInstance } from 'fastify'
import type { Sessions } from '../../types/session.d.ts'

/** A sign-out says no more than who is signed out: a failed claim must not keep anybody in. */
const NO_VALIDATORS = () => []

/** What the front-end SDK calls: refresh and sign-out. Thin: all is decided in `app.sessions`. */
export function registerSessionRoutes(app: FastifyInstance, sessions: Sessions): void {
  // The SDK sends no body; a client that names a content type and sends none is welcome too.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))

  app.post('/session/refresh', async (request, reply) => {
    await sessions.refresh(request, reply)
    return {}
  })

  app.post('/signout', async (request, reply) => {
    const session = await sessions.get(request, reply, {
      overrideGlobalClaimValidators: NO_VALIDATORS
    })
    await session.revoke()
    return { status: 'OK' }
  })
}
