import type { SessionApis } from '../options/options.ts'
import type { Sessions } from '../session/types.ts'

/** Signing out asks for no claims: a claim that fails must not keep anybody in. */
const NO_VALIDATORS = () => []

/** What the plugin's routes answer. Thin: all is decided in `app.sessions`. */
export function sessionApis(sessions: Sessions): SessionApis {
  return {
    async refreshPOST(request, reply) {
      await sessions.refresh(request, reply)
      return {}
    },

    async signOutPOST(request, reply) {
      const session = await sessions.get(request, reply, {
        overrideGlobalClaimValidators: NO_VALIDATORS
      })
      await session.revoke()
      return { status: 'OK' }
    },

    async jwksGET(_request, reply) {
      const { keys, maxAgeSeconds } = await sessions.jwks()
      reply.header('access-control-allow-origin', '*')
      reply.header('cache-control', `max-age=${maxAgeSeconds}, must-revalidate`)
      return { keys }
    },

    async discoveryGET(_request, reply) {
      reply.header('access-control-allow-origin', '*')
      return sessions.discovery()
    }
  }
}
