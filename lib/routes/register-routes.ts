import type { FastifyInstance } from 'fastify'
import type { SessionApis } from '../../types/options.d.ts'

const ROUTES: readonly [api: keyof SessionApis, method: 'GET' | 'POST', url: string][] = [
  ['refreshPOST', 'POST', '/session/refresh'],
  ['signOutPOST', 'POST', '/signout'],
  ['jwksGET', 'GET', '/jwt/jwks.json'],
  ['discoveryGET', 'GET', '/.well-known/openid-configuration']
]

/** Declares the plugin's routes in a scope of their own, but for those that are switched off. */
export function registerRoutes(scope: FastifyInstance, apis: SessionApis): void {
  // The SDK sends no body; a client that names a content type and sends none is welcome too.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  for (const [api, method, url] of ROUTES) {
    const answer = apis[api]
    if (answer !== undefined) scope.route({ method, url, handler: answer })
  }
}
