import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Claim, JsonObject, Session, SessionTokens } from '../session/types.ts'
import type { TestClock } from './test-clock.ts'

export interface InjectAsOptions {
  /** Custom claims of the access token. @defaultValue {} */
  readonly payload?: JsonObject
  /** Claims and their values, as `[claim, value]`. @defaultValue [] */
  readonly claims?: readonly (readonly [claim: Claim<unknown>, value: unknown])[]
  /** @defaultValue {} */
  readonly sessionData?: JsonObject
  /** @defaultValue 'public' */
  readonly tenantId?: string
  /**
   * How long ago the user logged in, seconds. Takes the `clock` that the app has as its option.
   * @defaultValue 0
   */
  readonly age?: number
  /** The app's clock; only for `age`. */
  readonly clock?: TestClock
}

/** `app.inject` with a session. */
export interface InjectAs {
  (request: string | InjectOptions): Promise<LightMyRequestResponse>
  readonly session: Session
}

/**
 * Logs a user in and answers `app.inject` for that user: every request carries the access token,
 * and takes over what a reply brings, as a browser does. Headers that a request names go first; its
 * cookies are sent beside the session's.
 *
 * Works whatever transfer method and anti-CSRF mode the app has. Does not refresh.
 *
 * @throws TypeError `age` without `clock`.
 */
export async function injectAs(
  app: FastifyInstance,
  userId: string,
  options: InjectAsOptions = {}
): Promise<InjectAs> {
  const {
    payload = {},
    claims = [],
    sessionData = {},
    tenantId = 'public',
    age = 0,
    clock
  } = options
  if (age !== 0 && clock === undefined) throw new TypeError('age needs the clock of the app')
  clock?.advance(-age)
  let issued: SessionTokens
  try {
    const claimed = claims.map(([claim, value]) =>
      claim.toPayload(value, clock?.nowMs ?? Date.now())
    )
    const accessTokenPayload = Object.assign({}, payload, ...claimed)
    issued = await app.sessions.issue({ userId, tenantId, accessTokenPayload, sessionData })
  } finally {
    clock?.advance(age)
  }

  let { accessToken, antiCsrfToken } = issued
  const inject = async (request: string | InjectOptions) => {
    const { headers, cookies, ...rest } = typeof request === 'string' ? { url: request } : request
    const response = await app.inject({
      ...rest,
      // By header and by cookie: the app takes the one that it accepts.
      headers: { ...sessionHeaders(accessToken, antiCsrfToken), ...headers },
      cookies: { sAccessToken: accessToken, ...cookies }
    })
    accessToken = renewedToken(response) ?? accessToken
    antiCsrfToken = headerOf(response, 'anti-csrf') ?? antiCsrfToken
    return response
  }
  return Object.assign(inject, { session: issued.session })
}

function sessionHeaders(accessToken: string, antiCsrfToken: string | null): Record<string, string> {
  return {
    authorization: `Bearer ${accessToken}`,
    rid: 'anti-csrf',
    ...(antiCsrfToken !== null && { 'anti-csrf': antiCsrfToken })
  }
}

function renewedToken(response: LightMyRequestResponse): string | undefined {
  const isNew = ({ name, value }: { name: string; value: string }) =>
    name === 'sAccessToken' && value !== ''
  return headerOf(response, 'st-access-token') ?? response.cookies.find(isNew)?.value
}

/** A header that came and is not empty, as one that is cleared is. */
function headerOf({ headers }: LightMyRequestResponse, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
