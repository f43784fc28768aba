// A second service accepts the access tokens of the first. It knows the URL of the first service and
// no secret: it reads the public keys from the JWKS and verifies tokens with `jose`.
import Fastify, { type FastifyInstance } from 'fastify'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import errors from '../lib/errors/index.ts'
import supersession, { HTTPException } from '../lib/index.ts'

/** The first service: logs people in. */
export async function buildNotes(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, {
    appInfo: { apiDomain: 'https://notes.example.com' },
    signingAlgorithm: 'ES256'
  })
  app.post<{ Body: { userId: string } }>('/login', async (request, reply) => {
    const { userId } = request.body
    await app.sessions.create(request, reply, { userId, accessTokenPayload: { plan: 'pro' } })
    return { ok: true }
  })
  return app
}

/** The second service: accepts the access tokens of the first. */
export async function buildBilling(jwksUrl: URL): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(errors)
  // Caches the keys. Loads them again for a key that it does not know.
  const keys = createRemoteJWKSet(jwksUrl)

  app.get('/invoices', async ({ headers: { authorization = '' } }) => {
    const token = authorization.replace(/^Bearer /, '')
    const issuer = 'https://notes.example.com/auth'
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer,
      algorithms: ['ES256']
    }).catch((cause: unknown) => {
      throw new HTTPException(401, undefined, { cause })
    })
    // The same keys sign JWTs for other purposes. Only access tokens have a version.
    if (protectedHeader['version'] !== '5') throw new HTTPException(401)
    return { userId: payload.sub, plan: payload['plan'] }
  })
  return app
}
