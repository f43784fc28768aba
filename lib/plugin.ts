import fastifyCookie from '@fastify/cookie'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { examineCors, examineOrder, examineSettings } from './doctor.ts'
import { installErrors } from './errors/install.ts'
import { KeyRing } from './keys/key-ring.ts'
import { loadRefreshKeys } from './keys/refresh-keys.ts'
import { deriveKeys } from './keys/secrets.ts'
import type { SupersessionOptions } from './options/options.ts'
import { OptionsError } from './options/options-error.ts'
import { partOptions, resolveSettings, type Settings } from './options/resolve.ts'
import { registerRoutes } from './routes/register-routes.ts'
import { sessionApis } from './routes/session-apis.ts'
import { type Clock, openClock } from './session/clock.ts'
import { GuardedStore } from './session/guarded-store.ts'
import { LocalAuthority } from './session/local-authority.ts'
import { openSessions } from './session/open-sessions.ts'
import { SessionSockets } from './session/session-sockets.ts'
import { startSweeper } from './session/sweeper.ts'
import type { Session, Sessions, VerifySessionOptions } from './session/types.ts'
import {
  type VerifySessionSettings,
  verifySessionHook,
  verifySessionOf
} from './session/verify-session.ts'
import { memoryStore } from './stores/memory.ts'
import type { SessionStore } from './stores/store.ts'
import { AccessTokens } from './tokens/access-token.ts'
import { RefreshTokens } from './tokens/refresh-token.ts'
import { HttpTransport } from './transport/http-transport.ts'

/** Where a request's reply is kept, for `request.verifySession()`. */
const REPLY = Symbol('fastify-supersession.reply')
type WithReply = { [REPLY]: FastifyReply }

async function supersession(app: FastifyInstance, options: SupersessionOptions): Promise<void> {
  const { sessionOptions, errorsOptions } = partOptions(options)
  const settings = resolveSettings(sessionOptions, app.prefix)
  refuseTakenNames(app, settings.requestProperty)
  examineOrder(app)
  examineSettings(app, settings)
  examineCors(app, settings)

  const sockets = new SessionSockets()
  const store = new GuardedStore(settings.store ?? memoryStore(), {
    onDelete: (handles) => sockets.endOf(handles)
  })
  const clock = openClock(store, settings.clock)
  const transport = new HttpTransport(settings, clock.now)
  installErrors(app, {
    ...errorsOptions,
    clearTokens: (request, reply) => transport.write(request, reply, { clear: 'all' })
  })
  // Its parsing hook costs more than a whole session check; we read our cookies ourselves.
  if (!app.hasReplyDecorator('setCookie')) await app.register(fastifyCookie, { hook: false })

  const { accessTokens, authority } = await openAuthority(store, clock, settings)
  const { globalClaimValidators, override } = settings
  const sessions = openSessions(
    { authority, transport, clock: clock.now, globalClaimValidators, sockets },
    accessTokens,
    {
      ...settings,
      issuer: settings.appInfo.issuer,
      clearsOlderCookies: settings.cookies.olderDomain !== undefined
    },
    override.functions
  )
  decorate(app, sessions, {
    property: settings.requestProperty,
    refreshPath: settings.appInfo.refreshPath
  })

  const apis = sessionApis(sessions)
  await app.register(async (scope) => registerRoutes(scope, override.apis?.(apis) ?? apis), {
    prefix: settings.appInfo.routeBasePath
  })

  const stopSweeper = startSweeper(store, { clock, log: app.log })
  app.addHook('onClose', async () => {
    stopSweeper()
    sockets.stop()
    await store.close()
  })
}

/** Sessions and errors for Fastify. Register it with `await`, before the routes. */
const plugin: FastifyPluginAsync<SupersessionOptions> = fp(supersession, {
  name: 'fastify-supersession',
  fastify: '>=5.0.0'
})
export default plugin

/** Everything below `app.sessions`: keys, tokens, and the operations on the store. */
async function openAuthority(store: SessionStore, clock: Clock, settings: Settings) {
  await clock.sync()
  const nowMs = clock.now()
  const keyRing = new KeyRing(store, {
    algorithm: settings.signingAlgorithm,
    updateIntervalMs: settings.keyUpdateIntervalMs,
    accessTokenValidityMs: settings.accessTokenValidityMs,
    sealingKeys: deriveKeys(settings.secrets, 'stored key')
  })
  await keyRing.prepare(nowMs)
  const refreshTokens = new RefreshTokens(await loadRefreshKeys(store, settings.secrets, nowMs))
  const accessTokens = new AccessTokens(keyRing, {
    keyKind: settings.keyKind,
    cacheSize: settings.accessTokenCacheSize
  })
  const parts = { store, keyRing, accessTokens, refreshTokens, clock }
  const authority = new LocalAuthority(parts, settings)
  return { accessTokens, authority }
}

function decorate(app: FastifyInstance, sessions: Sessions, settings: VerifySessionSettings): void {
  app.decorate('sessions', sessions)
  app.decorate('verifySession', (options?: VerifySessionOptions) =>
    verifySessionHook(sessions, settings, options)
  )
  app.decorateRequest(settings.property, null)
  app.decorateRequest(REPLY, null)
  app.addHook('onRequest', (request, reply, done) => {
    ;(request as FastifyRequest & WithReply)[REPLY] = reply
    done()
  })
  app.decorateRequest('verifySession', async function (options: VerifySessionOptions = {}) {
    const reply = (this as FastifyRequest & WithReply)[REPLY]
    return verifySessionOf(sessions, settings, this, reply, options) as Promise<Session>
  })
}

/** Another session plugin, or this one in a parent scope, may stand where ours is to go. */
function refuseTakenNames(app: FastifyInstance, property: string): void {
  if (app.hasDecorator('sessions'))
    throw new Error(
      'fastify-supersession is registered already, in this scope or in one around it. To have two, register each in a scope of its own, side by side.'
    )
  if (app.hasRequestDecorator(property))
    throw new OptionsError(
      'requestProperty',
      `a name that is free: another plugin has taken request.${property}`
    )
}
