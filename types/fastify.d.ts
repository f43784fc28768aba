import type { AnyReply, AnyRequest, Sessions } from 'fastify-supersession'
import './fastify-session.d.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Everything that can be done to sessions. */
    readonly sessions: Sessions<AnyRequest, AnyReply>
  }
}
