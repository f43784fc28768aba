import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Awaitable } from '../awaitable.ts'
import { markSessionHook } from '../errors/openapi/session-hook.ts'
import { asError } from '../errors/thrown-value.ts'
import { VerifiedSession } from './session.ts'
import type { Session, Sessions, VerifySessionHook, VerifySessionOptions } from './types.ts'
import { checkVerifyOptions } from './verify.ts'

type Done = (error?: Error) => void

/** What the hooks of one registration share. */
export interface VerifySessionSettings {
  /** The request's property that takes the session. */
  readonly property: string
  /** Path of the refresh route, where a session is one that was just refreshed. */
  readonly refreshPath: string
}

/**
 * Builds the hook of `app.verifySession()`.
 *
 * Calls back instead of answering a promise: where nothing has to wait, none is made. It passes on
 * errors and nothing else, so that a failure cannot be taken for success.
 *
 * @throws OptionsError An option is unknown or of the wrong type.
 */
export function verifySessionHook(
  sessions: Sessions,
  settings: VerifySessionSettings,
  options: VerifySessionOptions = {}
): VerifySessionHook {
  const { property } = settings
  checkVerifyOptions(options, 'verifySession')

  /** `preParsing` hooks are given the payload in between. */
  const hook: VerifySessionHook = function verifySession(
    request,
    reply,
    payloadOrDone,
    doneAfterPayload?
  ) {
    const done = (doneAfterPayload ?? payloadOrDone) as Done
    // A route that does not exist is 404 for everybody.
    if (request.is404) return done()
    let session: Awaitable<Session | null>
    try {
      session = sessionOf(sessions, settings, request, reply, options)
    } catch (thrown) {
      return done(asError(thrown))
    }
    if (session === null || session instanceof VerifiedSession) {
      assign(request, property, session, done)
      return
    }
    // A promise; or a session that an override of the app has made.
    Promise.resolve(session).then(
      (found) => assign(request, property, found, done),
      (thrown) => done(asError(thrown))
    )
  }
  return markSessionHook(hook, {
    checksClaims: options.overrideGlobalClaimValidators !== undefined
  })
}

/** Verifies by hand: what `request.verifySession()` does. */
export async function verifySessionByHand(
  sessions: Sessions,
  settings: VerifySessionSettings,
  request: FastifyRequest,
  options: VerifySessionOptions
): Promise<Session | null> {
  checkVerifyOptions(options, 'verifySession')
  const session = await sessionOf(sessions, settings, request, null, options)
  setSession(request, settings.property, session)
  return session
}

function sessionOf(
  sessions: Sessions,
  { refreshPath }: VerifySessionSettings,
  request: FastifyRequest,
  reply: FastifyReply | null,
  options: VerifySessionOptions
): Awaitable<Session | null> {
  // Where an app switched our refresh route off, to have one of its own with this hook.
  if (request.method === 'POST' && isAt(request.url, refreshPath))
    return sessions.refresh(request, reply)
  return sessions.get(request, reply, options)
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
