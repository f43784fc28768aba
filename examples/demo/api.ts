import type { FastifyInstance } from 'fastify'
import { type ClaimValidator, HTTPException, type SessionInformation } from '../../lib/index.ts'
import type { Refusal, WaitForRefusal } from './neighbour.ts'

/** Passes for administrators. The reason says which role the user has and which one is needed. */
const isAdmin: ClaimValidator = {
  id: 'role',
  validate: ({ role }) =>
    role === 'admin'
      ? { isValid: true }
      : {
          isValid: false,
          reason: { message: 'wrong value', expectedValue: 'admin', actualValue: role }
        }
}

const signInBody = {
  type: 'object',
  required: ['userName'],
  properties: { userName: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,29}$' } }
} as const

const roleBody = {
  type: 'object',
  required: ['role'],
  properties: { role: { enum: ['reader', 'admin'] } }
} as const

export interface ApiOptions {
  readonly sessionSeconds: number
  readonly waitForRefusal: WaitForRefusal
}

/** What the page calls. A real app would ask for a password first. */
export function registerApi(app: FastifyInstance, options: ApiOptions): void {
  app.post<{ Body: { userName: string } }>(
    '/api/sign-in',
    { schema: { body: signInBody } },
    async (request, reply) => {
      await app.sessions.create(request, reply, {
        userId: request.body.userName,
        accessTokenPayload: { role: 'reader' },
        sessionData: { device: deviceOf(request.headers['user-agent']) }
      })
      return { message: `Welcome, ${request.body.userName}.` }
    }
  )

  // The usual check: signature and expiry of the access token. The store is not asked.
  app.get('/api/hello', { preHandler: app.verifySession() }, async ({ session }) => ({
    message: `Hello ${session.userId}, your access token is good.`
  }))

  // For sessions that are bound to a key of the browser alone.
  const bound = app.verifySession({ deviceBound: true })
  app.get('/api/bound', { preHandler: bound }, async ({ session }) => ({
    message: `Hello ${session.userId}, you have the key.`
  }))

  const asAdmin = app.verifySession({ overrideGlobalClaimValidators: () => [isAdmin] })
  app.get('/api/admin', { preHandler: asAdmin }, async ({ session }) => ({
    message: `Come in, ${session.userId}.`
  }))

  app.post<{ Body: { role: string } }>(
    '/api/role',
    { schema: { body: roleBody }, preHandler: app.verifySession() },
    async ({ body: { role }, session }) => {
      await session.mergePayload({ role })
      return { message: `You are now: ${role}.` }
    }
  )

  registerSessionList(app, options)
}

/** The user's own sessions. These routes ask the store, so that an ended session shows at once. */
function registerSessionList(
  app: FastifyInstance,
  { sessionSeconds, waitForRefusal }: ApiOptions
): void {
  /** Access tokens of imaginary phones, by handle. */
  const phones = new Map<string, string>()
  const preHandler = app.verifySession({ checkDatabase: true })

  app.get('/api/sessions', { preHandler }, async ({ session }) => {
    const handles = await app.sessions.list(session.userId)
    const found = await Promise.all(handles.map((handle) => app.sessions.info(handle)))
    const sessions = found
      .filter((information) => information !== null)
      .sort((a, b) => a.createdAt - b.createdAt)
    return {
      sessionSeconds,
      sessions: sessions.map((information) => describe(information, session.handle))
    }
  })

  /** Stands for a second device of the same user. */
  app.post('/api/sessions', { preHandler }, async ({ session }) => {
    const { session: phone, accessToken } = await app.sessions.issue({
      userId: session.userId,
      accessTokenPayload: { role: 'reader' },
      sessionData: { device: 'Imaginary phone' }
    })
    phones.set(phone.handle, accessToken)
    return { message: 'Signed in on an imaginary phone.' }
  })

  app.delete<{ Params: { handle: string } }>(
    '/api/sessions/:handle',
    { preHandler },
    async ({ params: { handle }, session }) => {
      if (handle === session.handle) {
        await session.revoke()
        return { message: 'You ended your own session.' }
      }
      const information = await app.sessions.info(handle)
      // The session of another user is answered like one that does not exist.
      if (information?.userId !== session.userId) throw new HTTPException(404, 'No such session')
      await app.sessions.revoke(handle)
      const phone = phones.get(handle)
      if (phone === undefined) return { message: 'The other session is over.' }
      phones.delete(handle)
      return { message: describeRefusal(await waitForRefusal(phone)) }
    }
  )
}

function describeRefusal({ afterMs, reason }: Refusal): string {
  // An expired token is refused anyway. It shows nothing of the revocation.
  if (reason !== 'revoked')
    return `The phone’s session is over. A second server refuses its access token with the reason “${reason}”. Sign in on the phone again, and revoke it before its token expires.`
  const seconds = (afterMs / 1000).toFixed(1)
  return `A second server, which shares only the store, took the phone’s access token for ${seconds} s more. Now it refuses it with the reason “revoked”.`
}

function describe(
  { handle, createdAt, expiresAt, sessionData }: SessionInformation,
  current: string
) {
  return {
    handle,
    createdAt,
    endsAt: expiresAt,
    device: sessionData['device'],
    isThisOne: handle === current
  }
}

/** The browser's name. The order matters: most browsers name several in this header. */
function deviceOf(userAgent = ''): string {
  const names = ['Firefox', 'Edg', 'Chrome', 'Safari']
  const found = names.find((name) => userAgent.includes(`${name}/`)) ?? 'A client'
  return found === 'Edg' ? 'Edge' : found
}
