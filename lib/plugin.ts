import type { FastifyBaseLogger, FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { ERRORS_OPTIONS } from './errors/options.ts'
import { installErrors } from './errors/plugin.ts'
import { KeyRing } from './keys/key-ring.ts'
import { RefreshKeys } from './keys/refresh-keys.ts'
import { deriveKeys } from './keys/secrets.ts'
import { checkNames, OptionsError } from './options/checks.ts'
import { FOR_TESTS, type ForTests } from './options/cookies.ts'
import type { SupersessionOptions } from './options/options.ts'
import { partOptions, resolveSettings, SESSION_OPTIONS, type Settings } from './options/resolve.ts'
import { deviceApis, registerRoutes, sessionApis } from './routes.ts'
import { startCleanup } from './session/cleanup.ts'
import { openClock } from './session/clock.ts'
import type { SessionContext } from './session/context.ts'
import { Revocations } from './session/known-revocations.ts'
import { openDeviceBinding } from './session/open-device-binding.ts'
import { SessionRecords } from './session/records.ts'
import { RepeatedExchanges } from './session/repeated-exchanges.ts'
import { openRevocationWatch } from './session/revoke.ts'
import { createSessions } from './session/sessions.ts'
import { SessionSockets } from './session/sockets.ts'
import { checkVerifyOptions } from './session/verify.ts'
import {
  decorateSession,
  hasValidators,
  orRefresh,
  refuseTakenProperty
} from './session/verify-hook.ts'
import { keepsClearKeys, warnOfCors, warnOfOrder, warnOfSettings } from './startup-warnings.ts'
import { GuardedStore } from './stores/guarded-store.ts'
import { memoryStore } from './stores/memory.ts'
import { AccessTokens } from './tokens/access-token.ts'
import { RefreshTokens } from './tokens/refresh-token.ts'
import { sameSiteRule } from './transport/cookie-format.ts'
import { TokenReply } from './transport/token-reply.ts'

async function supersession(app: FastifyInstance, options: SupersessionOptions): Promise<void> {
  const { ownOptions, errorsOptions } = partOptions(options, SESSION_OPTIONS, ERRORS_OPTIONS)
  const settings = resolveSettings(ownOptions, app.prefix)
  refuseTakenNames(app, settings.requestProperty)
  refuseClearKeys(settings)
  warnOfOrder(app)
  warnOfSettings(app, settings)
  warnOfCors(app, settings)

  const context = await openContext(settings, app.log)
  const { store, sockets, tokenReply } = context
  installErrors(app, errorsOptions, (request) => tokenReply.clear(request, 'all'))
  const { sessions, find } = createSessions(context, settings.override.functions)
  app.decorate('sessions', sessions)
  decorateSession(app, {
    property: settings.requestProperty,
    checksClaims: hasValidators(settings),
    checkOptions: checkVerifyOptions,
    find: orRefresh(find, sessions, settings.appInfo.refreshPath)
  })
  app.decorateRequest(tokenReply.slot, null)
  app.decorate(FOR_TESTS, {
    cookieNames: settings.cookies.names,
    now: context.clock.now
  } satisfies ForTests)
  app.addHook('onSend', tokenReply.onSend)

  const ours = { ...sessionApis(sessions, settings.requestProperty), ...deviceApis(context) }
  const apis = settings.override.apis?.(ours) ?? ours
  checkNames(apis, Object.keys(ours), 'override.apis')
  await app.register(async (scope) => registerRoutes(scope, apis), {
    prefix: settings.appInfo.routeBasePath
  })

  const stopCleanup = startCleanup(store, { clock: context.clock, log: app.log })
  const watch = openRevocationWatch(context, app.log)
  app.addHook('onClose', async () => {
    stopCleanup()
    watch?.stop()
    sockets.stop()
    await store.close()
  })
  await watch?.start()
}

/** Sessions and errors for Fastify. Register it with `await`, before the routes. */
const plugin: FastifyPluginAsync<SupersessionOptions> = fp(supersession, {
  name: 'fastify-supersession',
  fastify: '>=5.0.0'
})
export default plugin

/** Everything below `app.sessions`: store, clock, keys, tokens and how they travel. */
async function openContext(
  settings: Settings,
  log: FastifyBaseLogger
): Promise<Omit<SessionContext, 'sessions'>> {
  const sockets = new SessionSockets()
  const store = new GuardedStore(settings.store ?? memoryStore())
  const clock = openClock(store, settings.clock)
  const revocations = new Revocations(clock.now)
  await clock.sync()
  const nowMs = clock.now()
  const refreshKeys = await RefreshKeys.open(store, settings.secrets, nowMs)
  const keyRing = new KeyRing(store, {
    onReload: (keys) => refreshKeys.adopt(keys),
    algorithm: settings.signingAlgorithm,
    updateIntervalMs: settings.keyUpdateIntervalMs,
    accessTokenValidityMs: settings.accessTokenValidityMs,
    sealingKeys: deriveKeys(settings.secrets, 'stored key'),
    onUnreadable: (kid) =>
      log.warn({ kid }, 'a signing key in the store cannot be read: its secret is not listed here')
  })
  await keyRing.prepare(settings.keyKind, nowMs)
  const refreshTokens = new RefreshTokens(refreshKeys.all)
  const { dbsc, dpop } = openDeviceBinding(settings, refreshKeys, store)
  const accessTokens = new AccessTokens(keyRing, {
    keyKind: settings.keyKind,
    cacheBytes: settings.accessTokenCacheBytes
  })
  const records = new SessionRecords(store, clock)
  const sameSite = sameSiteRule(settings.appInfo, settings.cookies)
  const tokenReply = new TokenReply({
    settings,
    now: clock.now,
    sameSite,
    dbsc,
    ended: revocations
  })
  return {
    settings,
    clock,
    store,
    records,
    keyRing,
    accessTokens,
    refreshTokens,
    sameSite,
    tokenReply,
    exchanges: new RepeatedExchanges(),
    sockets,
    revocations,
    dbsc,
    dpop
  }
}

/** Whoever reads a backup of such a store is any user. */
function refuseClearKeys(settings: Settings): void {
  if (process.env['NODE_ENV'] !== 'production' || !keepsClearKeys(settings)) return
  throw new OptionsError(
    'secret',
    'given with NODE_ENV=production and a store that outlives the process: without it the store has the signing keys in clear'
  )
}

/** Another session plugin, or this one in a parent scope, may stand where ours is to go. */
function refuseTakenNames(app: FastifyInstance, property: string): void {
  if (app.hasDecorator('sessions'))
    throw new Error(
      'fastify-supersession is registered already, in this scope or in one around it. To have two, register each in a scope of its own, side by side.'
    )
  refuseTakenProperty(app, property)
}
