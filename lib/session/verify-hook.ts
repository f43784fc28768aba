import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Awaitable } from '../awaitable.ts'
import { SessionError } from '../errors/session-errors.ts'
import { markSessionHook, noteSessionHooks } from '../errors/session-hook.ts'
import { asError } from '../errors/thrown-value.ts'
import { OptionsError } from '../options/checks.ts'
import type { Settings } from '../options/resolve.ts'
import { TokenSession } from './session.ts'
import type { Session, Sessions, VerifySessionHook, VerifySessionOptions } from './types.ts'
import { type Found, orThrow } from './verify.ts'

type Done = (error?: Error) => void

/** Finds the session of a request. `reply` is `null` where the app verifies by hand. */
export type FindSession = (
  request: FastifyRequest,
  reply: FastifyReply | null,
  options: VerifySessionOptions
) => Awaitable<Found<Session | null>>

/** What the hooks of one registration share. */
export interface VerifySessionSettings {
  /** The request's property that takes the session. */
  readonly property: string
  /** @throws OptionsError An option is unknown or of the wrong type. */
  readonly checkOptions: (options: VerifySessionOptions, path: string) => void
  readonly find: FindSession
  /** Whether there are global claim validators; for the documentation of routes. */
  readonly checksClaims: boolean
}

/** Whether global claim validators may refuse a session. */
export function hasValidators({
  globalClaimValidators: given
}: Pick<Settings, 'globalClaimValidators'>): boolean {
  return typeof given === 'function' || given.length > 0
}

/** @throws {@link OptionsError} Another session plugin has taken the request's property. */
export function refuseTakenProperty(app: FastifyInstance, property: string): void {
  if (app.hasRequestDecorator(property))
    throw new OptionsError(
      'requestProperty',
      `a name that is free: another plugin has taken request.${property}`
    )
}

/** Adds `app.verifySession`, `request.verifySession` and the request's property for the session. */
export function decorateSession(app: FastifyInstance, settings: VerifySessionSettings): void {
  noteSessionHooks(app)
  app.decorate('verifySession', (options?: VerifySessionOptions, ...others: unknown[]) => {
    if (others.length > 0)
      throw new TypeError('app.verifySession makes a hook: write preHandler: app.verifySession()')
    return verifySessionHook(settings, options)
  })
  app.decorateRequest(settings.property, null)
  app.decorateRequest('verifySession', async function (options: VerifySessionOptions = {}) {
    return verifySessionByHand(settings, this, options) as Promise<Session>
  })
}

/**
 * Builds the hook of `app.verifySession()`.
 *
 * Calls back instead of answering a promise: where nothing has to wait, none is made. It passes on
 * errors and nothing else, so that a failure cannot be taken for success.
 *
 * @throws OptionsError An option is unknown or of the wrong type.
 */
function verifySessionHook(
  { property, checkOptions, find, checksClaims }: VerifySessionSettings,
  options: VerifySessionOptions = {}
): VerifySessionHook {
  checkOptions(options, 'verifySession')

  /** `preParsing` hooks are given the payload in between. */
  function verifySession(
    request: FastifyRequest,
    reply: FastifyReply,
    payloadOrDone: unknown,
    doneAfterPayload?: Done
  ) {
    const done = (doneAfterPayload ?? payloadOrDone) as Done
    if (typeof done !== 'function')
      throw new TypeError('A hook is called by Fastify: by hand, await request.verifySession()')
    // A route that does not exist is 404 for everybody.
    if (request.is404) return done()
    let found: Awaitable<Found<Session | null>>
    try {
      found = find(request, reply, options)
    } catch (thrown) {
      return done(asError(thrown))
    }
    if (found === null || found instanceof TokenSession) {
      assign(request, property, found as Session | null, done)
      return
    }
    if (found instanceof SessionError) return done(found)
    // A promise; or a session that an override of the app has made.
    Promise.resolve(found).then(
      (settled) => {
        if (settled instanceof SessionError) done(settled)
        else assign(request, property, settled, done)
      },
      (thrown) => done(asError(thrown))
    )
  }
  // Requests of HTTP/2 are of another type, for the sake of `raw`.
  return markSessionHook(verifySession as VerifySessionHook, {
    checksClaims:
      checksClaims ||
      options.overrideGlobalClaimValidators !== undefined ||
      options.deviceBound === true,
    isOptional: options.sessionRequired === false
  })
}

/** Verifies by hand: what `request.verifySession()` does. */
async function verifySessionByHand(
  { property, checkOptions, find }: VerifySessionSettings,
  request: FastifyRequest,
  options: VerifySessionOptions
): Promise<Session | null> {
  checkOptions(options, 'verifySession')
  const session = await orThrow(find(request, null, options))
  setSession(request, property, session)
  return session
}

/** @param refreshPath - Path of the refresh route, where a session is one that was just refreshed. */
export function orRefresh(
  find: FindSession,
  sessions: Pick<Sessions, 'refresh'>,
  refreshPath: string
): FindSession {
  return (request, reply, options) => {
    // Where an app switched our refresh route off, to have one of its own with this hook.
    if (request.method === 'POST' && isAt(request.url, refreshPath))
      return sessions.refresh(request, reply)
    return find(request, reply, options)
  }
}

/** Whether a URL is of this path, with or without a slash or a query behind it. */
function isAt(url: string, path: string): boolean {
  return url.startsWith(path) && /^\/?(?:\?|$)/.test(url.slice(path.length))
}

function assign(
  request: FastifyRequest,
  property: string,
  session: Session | null,
  done: Done
): void {
  setSession(request, property, session)
  done()
}

function setSession(request: FastifyRequest, property: string, session: Session | null): void {
  ;(request as unknown as Record<string, Session | null>)[property] = session
}
