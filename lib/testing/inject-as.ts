import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { checkNames } from '../options/checks.ts'
import { FOR_TESTS, type ForTests } from '../options/cookies.ts'
import type { Claim, NewSession, Session, Sessions, SessionTokens } from '../session/types.ts'
import type { TestClock } from './test-clock.ts'

const NAMES: readonly (keyof InjectAsOptions)[] = [
  'payload',
  'claims',
  'sessionData',
  'tenantId',
  'age',
  'clock'
]

/** The session that {@link injectAs} logs in with. */
export interface InjectAsOptions<Values extends readonly unknown[] = readonly unknown[]> {
  /** Custom claims of the access token. @defaultValue {} */
  readonly payload?: NonNullable<NewSession['accessTokenPayload']>
  /** Claims and their values, as `[claim, value]`. @defaultValue [] */
  readonly claims?: {
    readonly [Index in keyof Values]: readonly [
      claim: Claim<Values[Index]>,
      value: NoInfer<Values[Index]>
    ]
  }
  /** @defaultValue {} */
  readonly sessionData?: NonNullable<NewSession['sessionData']>
  /** @defaultValue 'public' */
  readonly tenantId?: string
  /**
   * How long ago the user logged in, seconds. Needs `clock`.
   * @defaultValue 0
   */
  readonly age?: number
  /** The clock that the app has as its option `clock`. Needed for `age` only. */
  readonly clock?: TestClock
}

/** What is needed of an app. One with a logger of its own has it, and is no `FastifyInstance`. */
export interface AppWithSessions {
  readonly sessions: Sessions
  hasDecorator(name: string): boolean
  ready(): PromiseLike<unknown>
  inject(request: InjectOptions): Promise<LightMyRequestResponse>
}

/** `app.inject` with a session. */
export interface UserInject {
  (request: string | InjectOptions): Promise<LightMyRequestResponse>
  readonly session: Session
}

/**
 * Logs a user in and returns `app.inject` for that user. Every request carries the access token, and
 * a new token in a reply replaces it, as in a browser. Headers of the request win over those of the
 * session; its cookies are sent beside the session's.
 *
 * Works with every transfer method and anti-CSRF mode. Does not refresh, and the session is bound to no
 * device: routes with `deviceBound: true` refuse it.
 *
 * @param userId - Who is logged in.
 * @throws TypeError `age` is given without `clock`, or is no number of seconds.
 * @throws TypeError `userId` or another property of the new session is wrong.
 */
export async function injectAs<const Values extends readonly unknown[] = readonly []>(
  app: AppWithSessions,
  userId: string,
  options: InjectAsOptions<Values> = {}
): Promise<UserInject> {
  const given: unknown = options
  checkNames(given, NAMES, 'injectAs')
  // Where the plugin was registered without await.
  if (!app.hasDecorator('sessions')) await app.ready()
  if (!app.hasDecorator('sessions'))
    throw new TypeError(
      'injectAs needs an instance with sessions: the one that registers the plugin, or a scope inside of it'
    )
  const {
    payload = {},
    claims = [],
    sessionData = {},
    tenantId = 'public',
    age = 0,
    clock
  } = options
  if (!(age >= 0 && age < Number.POSITIVE_INFINITY))
    throw new TypeError('age must be a number of seconds, from 0')
  if (age !== 0 && clock === undefined) throw new TypeError('age needs the clock of the app')
  const { [FOR_TESTS]: settings } = app as AppWithSessions & { readonly [FOR_TESTS]: ForTests }
  const issue = async (): Promise<SessionTokens> => {
    clock?.advance(-age)
    try {
      const claimed = claims.map(([claim, value]) => claim.toPayload(value, settings.now()))
      const accessTokenPayload = Object.assign({}, payload, ...claimed)
      return await app.sessions.issue({ userId, tenantId, accessTokenPayload, sessionData })
    } finally {
      clock?.advance(age)
    }
  }
  const issued = await inTurn(settings, issue)

  const names = settings.cookieNames
  let { accessToken, antiCsrfToken } = issued
  const inject = async (request: string | InjectOptions) => {
    const { headers, cookies, ...rest } = typeof request === 'string' ? { url: request } : request
    const response = await app.inject({
      ...rest,
      // By header and by cookie: the app uses the one that it accepts.
      headers: { ...sessionHeaders(accessToken, antiCsrfToken), ...headers },
      cookies: { [names.access]: accessToken, ...cookies }
    })
    accessToken = renewedToken(response, names.access) ?? accessToken
    antiCsrfToken = headerOf(response, 'anti-csrf') ?? antiCsrfToken
    return response
  }
  return Object.assign(inject, { session: issued.session })
}

const logins = new WeakMap<ForTests, Promise<unknown>>()

/** One login of an app after the other: `age` sets its clock back meanwhile. */
function inTurn<T>(app: ForTests, login: () => Promise<T>): Promise<T> {
  const result = Promise.resolve(logins.get(app)).then(login)
  logins.set(
    app,
    result.catch(() => {})
  )
  return result
}

function sessionHeaders(accessToken: string, antiCsrfToken: string | null): Record<string, string> {
  return {
    authorization: `Bearer ${accessToken}`,
    rid: 'anti-csrf',
    ...(antiCsrfToken !== null && { 'anti-csrf': antiCsrfToken })
  }
}

function renewedToken(response: LightMyRequestResponse, cookieName: string): string | undefined {
  const isNew = ({ name, value }: { name: string; value: string }) =>
    name === cookieName && value !== ''
  return headerOf(response, 'st-access-token') ?? response.cookies.find(isNew)?.value
}

/** The value of a header; `undefined` where it is missing or empty. A cleared token is empty. */
function headerOf({ headers }: LightMyRequestResponse, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
