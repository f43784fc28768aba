// The least that a check can do: look the whole token up, without knowing whether it is genuine.
import fastifyCookie from '@fastify/cookie'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { serve } from './serve.ts'

export interface FloorOrder {
  readonly by: 'header' | 'cookie' | 'parsed cookie'
  readonly sessions: readonly { accessToken: string; userId: string; expiresAt: number }[]
}

interface FloorSession {
  readonly userId: string
  /** Seconds since the epoch, as in a JWT. */
  readonly exp: number
}

const PAIR = 'sAccessToken='

const readToken: Record<FloorOrder['by'], (request: FastifyRequest) => string | undefined> = {
  header: ({ headers: { authorization } }) => authorization?.slice('Bearer '.length),
  cookie({ headers: { cookie } }) {
    if (cookie === undefined) return undefined
    const start = cookie.indexOf(PAIR) + PAIR.length
    return cookie.slice(start, cookie.indexOf(';', start))
  },
  'parsed cookie': ({ cookies }) => cookies['sAccessToken']
}

serve(async ({ by, sessions }: FloorOrder) => {
  const known = new Map<string | undefined, FloorSession>(
    sessions.map(({ accessToken, userId, expiresAt }) => [accessToken, { userId, exp: expiresAt }])
  )
  const read = readToken[by]
  const verify = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const session = known.get(read(request))
    if (session === undefined || session.exp * 1000 <= Date.now()) {
      reply.code(401).send({ message: 'unauthorised' })
      return
    }
    ;(request as { session: unknown }).session = session
    done()
  }
  const app = Fastify()
  if (by === 'parsed cookie') await app.register(fastifyCookie)
  app.decorateRequest('session' as string, null)
  app.get('/me', { onRequest: verify }, async ({ session }) => ({ userId: session.userId }))
  return { app }
})
