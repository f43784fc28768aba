import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Awaitable } from '../awaitable.ts'
import { DpopProofs } from '../device-binding/dpop.ts'
import { installErrors } from '../errors/plugin.ts'
import { InvalidClaimsError, UnauthorisedError } from '../errors/session-errors.ts'
import { OptionsError } from '../options/checks.ts'
import { isLocalHost } from '../options/hosts.ts'
import { checkCarriedToken } from '../session/anti-csrf.ts'
import { checkDevice } from '../session/check-device.ts'
import { openClock } from '../session/clock.ts'
import type { VerifyContext } from '../session/context.ts'
import { Revocations } from '../session/known-revocations.ts'
import { openRevocationWatch } from '../session/revoke.ts'
import { SessionSockets } from '../session/sockets.ts'
import type { AccessToken, VerifySessionOptions } from '../session/types.ts'
import {
  checkClaims,
  checkVerifyOptions,
  type Presentation,
  verifyRequest
} from '../session/verify.ts'
import { decorateSession, hasValidators, refuseTakenProperty } from '../session/verify-hook.ts'
import { warnOfOrder } from '../startup-warnings.ts'
import { GuardedStore } from '../stores/guarded-store.ts'
import { AccessTokenVerifier } from '../tokens/access-token.ts'
import { sameSiteRule } from '../transport/cookie-format.ts'
import { resolveVerifier, type VerifierOptions } from './options.ts'
import { type ReadOnlyContext, ReadOnlySession } from './read-only-session.ts'
import { RemoteKeys } from './remote-keys.ts'

/** For a 403: a refresh does not help, and what failed is named as a claim is. */
const BOUND_BY_COOKIE = [
  {
    id: 'deviceBinding',
    reason: {
      message: 'the session is bound to its device by a cookie that only the issuer can check'
    }
  }
]

async function verifier(app: FastifyInstance, options: VerifierOptions): Promise<void> {
  const { settings, jwksUri, errorsOptions } = resolveVerifier(options, app.prefix)
  refuseTakenNames(app, settings.requestProperty)
  warnOfOrder(app)
  warnOfPlainHttp(app, jwksUri ?? settings.issuer)
  installErrors(app, errorsOptions)

  const clock = openClock({}, settings.clock)
  const keys = new RemoteKeys({ issuer: settings.issuer, jwksUri, log: app.log })
  const store = settings.store === undefined ? null : new GuardedStore(settings.store)
  const context: VerifyContext & ReadOnlyContext = {
    settings,
    clock,
    store,
    accessTokens: new AccessTokenVerifier(keys, {
      keyKind: 'any',
      cacheBytes: settings.accessTokenCacheBytes
    }),
    revocations: new Revocations(clock.now),
    sockets: new SessionSockets(),
    sameSite: sameSiteRule(settings.appInfo, settings.cookies),
    dbsc: null,
    dpop: new DpopProofs(null, store ?? {})
  }
  decorateSession(app, {
    property: settings.requestProperty,
    checksClaims: hasValidators(settings),
    checkOptions,
    find(request, _reply, verifyOptions) {
      keys.reloadIfStale(clock.now())
      return verifyRequest(context, request, verifyOptions, openReadOnly)
    }
  })
  const watch = openRevocationWatch(context, app.log)
  // So that the first request need not wait, and a wrong URL is told at start.
  app.addHook('onReady', async () => keys.reloadIfStale(clock.now()))
  app.addHook('onClose', async () => {
    keys.stop()
    watch?.stop()
    context.sockets.stop()
    await context.store?.close()
  })
  await watch?.start()
}

/** Verifies access tokens that another service issues. Register it with `await`, before the routes. */
const plugin: FastifyPluginAsync<VerifierOptions> = fp(verifier, {
  name: 'fastify-supersession-verifier',
  fastify: '>=5.0.0'
})
export default plugin

/** The session of a good token, as far as it can be checked without the issuer. */
function openReadOnly(
  context: VerifyContext & ReadOnlyContext,
  token: AccessToken,
  { method, request, options }: Presentation
): Awaitable<ReadOnlySession> {
  const { payload } = token
  if (payload['iss'] !== context.settings.issuer)
    throw new UnauthorisedError('the access token is of another issuer', {
      clearTokens: false,
      reason: 'issuer'
    })
  if (method === 'cookie') {
    checkCarriedToken(context, request, token, options)
    if (payload.cnf !== undefined)
      throw new InvalidClaimsError(BOUND_BY_COOKIE, undefined, { reason: 'device' })
  }
  const session = new ReadOnlySession(context, token, request)
  const checked = checkDevice(context, token, { method, request }, options)
  return checked === undefined
    ? checkClaims(context, session, options)
    : checkClaimsAfter(checked, context, session, options)
}

/** Not a function inside of the other: what that closes over is allocated for every request. */
async function checkClaimsAfter(
  checked: Promise<void>,
  context: VerifyContext,
  session: ReadOnlySession,
  options: VerifySessionOptions
): Promise<ReadOnlySession> {
  await checked
  return checkClaims(context, session, options)
}

/** @throws {@link OptionsError} An option is wrong, or asks for what only the issuer has. */
function checkOptions(options: VerifySessionOptions, path: string): void {
  checkVerifyOptions(options, path)
  if (options.checkDatabase === true)
    throw new OptionsError(
      `${path}.checkDatabase`,
      'left out: only the service that issues tokens can ask their store',
      true
    )
}

function refuseTakenNames(app: FastifyInstance, property: string): void {
  if (app.hasDecorator('verifySession'))
    throw new Error(
      'fastify-supersession or its verifier is registered already, in this scope or in one around it. To have two, register each in a scope of its own, side by side.'
    )
  refuseTakenProperty(app, property)
}

function warnOfPlainHttp(app: FastifyInstance, url: string): void {
  const { protocol, hostname } = new URL(url)
  if (protocol === 'http:' && !isLocalHost(hostname))
    app.log.warn(
      { url },
      'the keys of the issuer come over http: whoever is between can give others, and sign tokens with them; use https'
    )
}
