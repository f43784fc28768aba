// A login elsewhere, by the authorization code flow.
import oauth2, { type FastifyOAuth2Options, type OAuth2Namespace } from '@fastify/oauth2'
import Fastify, { type FastifyInstance } from 'fastify'
import supersession, { HTTPException, type SupersessionOptions } from '../../lib/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly provider: OAuth2Namespace
  }
}

export interface Provider {
  readonly credentials: FastifyOAuth2Options['credentials']
  /** Where this app is called back, as the provider knows it. */
  readonly callbackUri: string
  /** Where the provider says who the token is for (OpenID Connect Core 1.0 section 5.3). */
  readonly userInfoUrl: string
}

export async function buildApp(
  { credentials, callbackUri, userInfoUrl }: Provider,
  options: SupersessionOptions = {}
): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(supersession, options)
  await app.register(oauth2, {
    name: 'provider',
    scope: ['openid'],
    credentials,
    startRedirectPath: '/login',
    callbackUri,
    pkce: 'S256',
    // A subdomain cannot set these cookies, and so pass on a login of its own.
    hostPrefixedCookies: true
  })

  app.get('/login/callback', async (request, reply) => {
    // Rejects where the user has declined, and where the state is not the one of this browser.
    const { token } = await app.provider
      .getAccessTokenFromAuthorizationCodeFlow(request, reply)
      .catch((cause: unknown) => {
        throw new HTTPException(403, 'The login was not completed', { cause })
      })
    const headers = { authorization: `Bearer ${token.access_token}` }
    const answer = await fetch(userInfoUrl, { headers })
    const { sub } = answer.ok ? ((await answer.json()) as { sub?: unknown }) : {}
    // Else all whom the provider does not name would be one user, `undefined`.
    if (typeof sub !== 'string' || sub === '')
      throw new HTTPException(502, 'The provider did not say who you are')
    await app.sessions.create(request, reply, { userId: `provider:${sub}` })
    return reply.redirect('/')
  })

  app.get('/me', { preHandler: app.verifySession() }, async ({ session }) => session.userId)
  return app
}
