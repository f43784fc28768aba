import type { FastifyInstance } from 'fastify'
import type { SessionApis } from '../options/options.ts'

const ROUTES: readonly [api: keyof SessionApis, method: 'GET' | 'POST', path: string][] = [
  ['refreshPOST', 'POST', '/session/refresh'],
  ['signOutPOST', 'POST', '/signout'],
  ['jwksGET', 'GET', '/jwt/jwks.json'],
  ['discoveryGET', 'GET', '/.well-known/openid-configuration']
]
/** SDKs of multi-tenant apps put the tenant's id here. It decides nothing: tokens say their own. */
const TENANT = '/:tenantId(^[a-zA-Z0-9-]+$)'

/** Declares the plugin's routes in a scope of their own, but for those that are switched off. */
export async function registerRoutes(scope: FastifyInstance, apis: SessionApis): Promise<void> {
  // The SDK sends no body; a client that names a content type and sends none is welcome too.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  for (const [api, method, path] of ROUTES) {
    const handler = apis[api]
    if (handler === undefined) continue
    for (const prefix of [path, TENANT + path]) {
      // As a prefix, so that Fastify takes it with and without a slash behind, by the app's rules.
      await scope.register(async (route) => route.route({ method, url: '/', handler }), { prefix })
    }
  }
}
