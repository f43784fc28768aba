import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { HTTPException } from '../../lib/index.ts'

export interface ThiefOptions {
  readonly clock: () => number
  /** How long the plugin accepts an old refresh token as that of a late request. */
  readonly graceSeconds: number
}

/** What the thief has stolen: the first refresh token of a session. */
interface Loot {
  readonly refreshToken: string
  /** As the browser would send it. */
  readonly headers: Record<string, string>
  /** When the owner was first seen with a younger token, milliseconds; `null`: not yet. */
  replacedAt: number | null
}

/**
 * For the demo only: a thief who has read the reply to a sign-in, and uses the token later.
 *
 * A stolen token that is still in use works for the thief as it does for its owner. The theft shows
 * when both have used it. So this thief waits until the owner has refreshed and used the new tokens,
 * and until the grace period for late requests is over.
 */
export function registerThief(app: FastifyInstance, { clock, graceSeconds }: ThiefOptions): void {
  const lootByHandle = new Map<string, Loot>()

  // After the plugin's own hook, which writes the cookies.
  app.addHook('onSend', async ({ routeOptions }, reply) => {
    if (routeOptions.url !== '/api/sign-in' || reply.statusCode !== 200) return
    lootByHandle.set(handleOn(reply), lootOf(reply))
  })

  const preHandler = app.verifySession({ checkDatabase: true })

  app.get('/api/thief', { preHandler }, async ({ session }) => {
    const loot = lootByHandle.get(session.handle)
    if (loot === undefined) throw new HTTPException(404, 'The thief has no token of this session')
    // The access token holds the hash of the refresh token that came with it.
    if (session.payload.refreshTokenHash1 !== sha256(loot.refreshToken)) loot.replacedAt ??= clock()
    return { strikesAt: strikesAt(loot) }
  })

  app.post('/api/thief/strike', { preHandler }, async ({ session }) => {
    const loot = lootByHandle.get(session.handle)
    if (loot === undefined) throw new HTTPException(404, 'The thief has no token of this session')
    const time = strikesAt(loot)
    if (time === null || clock() < time)
      throw new HTTPException(409, 'Too early: a late request of the owner would look the same')
    lootByHandle.delete(session.handle)
    const reply = await app.inject({
      method: 'POST',
      url: '/auth/session/refresh',
      headers: loot.headers
    })
    return { status: reply.statusCode, message: reply.json().message }
  })

  function strikesAt({ replacedAt }: Loot): number | null {
    return replacedAt === null ? null : replacedAt + graceSeconds * 1000
  }
}

function lootOf(reply: FastifyReply): Loot {
  const bearer = reply.getHeader('st-refresh-token')
  if (typeof bearer === 'string') {
    const headers = { 'st-auth-mode': 'header', authorization: `Bearer ${bearer}` }
    return { refreshToken: bearer, headers, replacedAt: null }
  }
  const cookies = String(reply.getHeader('set-cookie'))
  const refreshToken = String(/sRefreshToken=([^;,]+)/.exec(cookies)?.[1])
  const headers = { 'st-auth-mode': 'cookie', cookie: `sRefreshToken=${refreshToken}` }
  return { refreshToken, headers, replacedAt: null }
}

/** The handle of the session whose tokens a reply carries. */
function handleOn(reply: FastifyReply): string {
  const frontToken = String(reply.getHeader('front-token'))
  return JSON.parse(Buffer.from(frontToken, 'base64').toString()).up.sessionHandle
}

/** The session protocol identifies a refresh token by its hash. */
function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
