import type { FastifyInstance, FastifySchema } from 'fastify'
import type { SessionApis } from './options/options.ts'
import { refreshDevice, registerDevice } from './session/bind-device.ts'
import type { SessionContext } from './session/context.ts'
import type { Sessions } from './session/types.ts'
import { SIGN_OUT } from './session/verify.ts'

const ROUTES: readonly [api: keyof SessionApis, method: 'GET' | 'POST', path: string][] = [
  ['refreshPOST', 'POST', '/session/refresh'],
  ['signOutPOST', 'POST', '/signout'],
  ['deviceRegistrationPOST', 'POST', '/session/device'],
  ['deviceRefreshPOST', 'POST', '/session/device/refresh'],
  ['jwksGET', 'GET', '/jwt/jwks.json'],
  ['discoveryGET', 'GET', '/.well-known/openid-configuration']
]
/** SDKs of multi-tenant apps put the tenant's id here. It decides nothing: tokens say their own. */
const TENANT = '/:tenantId(^[a-zA-Z0-9-]+$)'

/** An OpenAPI document is about the app's own routes: front ends' SDKs know these. */
const HIDDEN: FastifySchema & { readonly hide: true } = { hide: true }

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
      await scope.register(
        async (route) => route.route({ method, url: '/', schema: HIDDEN, handler }),
        { prefix }
      )
    }
  }
}

type DeviceApis = Pick<SessionApis, 'deviceRegistrationPOST' | 'deviceRefreshPOST'>

/**
 * The handlers of the plugin's routes. Thin: all is decided in `app.sessions`.
 *
 * @param property - The request's property that takes the session, for overrides to read.
 */
export function sessionApis(
  sessions: Sessions,
  property: string
): Omit<SessionApis, keyof DeviceApis> {
  return {
    async refreshPOST(request, reply) {
      Object.assign(request, { [property]: await sessions.refresh(request, reply) })
      return {}
    },

    async signOutPOST(request, reply) {
      const session = await sessions.get(request, reply, SIGN_OUT)
      Object.assign(request, { [property]: session })
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

/** What browsers call by themselves to bind a session to their device (DBSC). */
export function deviceApis(context: Omit<SessionContext, 'sessions'>): DeviceApis {
  const { dbsc } = context
  if (dbsc === null) return { deviceRegistrationPOST: undefined, deviceRefreshPOST: undefined }
  return {
    deviceRegistrationPOST: (request) => registerDevice(context, dbsc, request),
    deviceRefreshPOST: (request, reply) => refreshDevice(context, dbsc, request, reply)
  }
}
