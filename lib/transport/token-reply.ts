import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify'
import type { Binding } from '../device-binding/bound-cookie.ts'
import { type Dbsc, REGISTRATION_HEADER } from '../device-binding/dbsc.ts'
import type { Settings } from '../options/resolve.ts'
import type { Revocations } from '../session/known-revocations.ts'
import type {
  AccessToken,
  AccessTokenPayload,
  IssuedTokens,
  TokenType,
  TransferMethod
} from '../session/types.ts'
import {
  accessCookieExpiry,
  clearedCookie,
  clearedLegacyCookie,
  clearedOlderCookie,
  maxAccessTokenLength,
  parseCookies,
  type SameSiteRule,
  tokenCookie
} from './cookie-format.ts'
import {
  ANTI_CSRF,
  encodeFrontToken,
  FRONT_TOKEN,
  REMOVE_FRONT_TOKEN,
  setExposedHeader,
  TOKEN_HEADERS
} from './token-headers.ts'

/** `null` for nothing, and the reply itself once that moment has passed. */
type Slot = StagedTokens | FastifyReply | null
/** Requests of other scopes have none. */
type WithSlots = Record<symbol, Slot | undefined>

/** One change, of one session. */
class StagedTokens {
  issue: { tokens: IssuedTokens; method: TransferMethod } | null = null
  clear: TransferMethod | 'all' | null = null
  clearOlder: readonly TokenType[] = []
  bind: Binding | null = null

  isOfOther(handle: string): boolean {
    return this.issue !== null && handleOf(this.issue.tokens) !== handle
  }
}

export interface TokenReplySettings {
  readonly settings: Settings
  /** The time, milliseconds since the epoch. */
  readonly now: () => number
  readonly sameSite: SameSiteRule
  /** `null`: sessions in cookies are not bound to devices. */
  readonly dbsc: Dbsc | null
  /** The sessions that are known to have ended: their tokens are not handed out any more. */
  readonly ended: Pick<Revocations, 'has'>
}

/**
 * The one place that hands tokens to clients.
 *
 * Changes are staged on the request and written when its reply leaves, so that a reply carries the
 * tokens of one session: the one that was created or refreshed last. Where the reply has left
 * already, a change is written at once if its head is not sent, else logged.
 */
export class TokenReply {
  /** Where a request keeps what its reply is to do to the tokens of its client. */
  readonly slot: symbol = Symbol('fastify-supersession.tokens')
  readonly #settings: Settings
  readonly #now: () => number
  readonly #sameSite: SameSiteRule
  readonly #dbsc: Dbsc | null
  readonly #ended: TokenReplySettings['ended']

  constructor({ settings, now, sameSite, dbsc, ended }: TokenReplySettings) {
    this.#settings = settings
    this.#now = now
    this.#sameSite = sameSite
    this.#dbsc = dbsc
    this.#ended = ended
  }

  /** Whether the reply comes by here. */
  isOf(request: FastifyRequest): boolean {
    return this.slot in Object(request)
  }

  /** @throws TypeError The reply would not come by here. */
  checkScope(request: FastifyRequest): void {
    if (!this.isOf(request))
      throw new TypeError(
        'The request must be of the scope that registers the plugin: its reply brings the tokens'
      )
  }

  /** Stages the tokens of a session that was created or refreshed. */
  issue(request: FastifyRequest, tokens: IssuedTokens, method: TransferMethod): void {
    this.#stage(request, (staged) => {
      staged.issue = { tokens, method }
    })
  }

  /** Stages a new access token, unless another session was created or refreshed meanwhile. */
  renew(request: FastifyRequest, accessToken: AccessToken, method: TransferMethod): void {
    this.#stage(request, (staged) => {
      if (staged.isOfOther(accessToken.payload.sessionHandle)) return
      const refreshToken = staged.issue?.tokens.refreshToken
      staged.issue = { tokens: { accessToken, refreshToken }, method }
    })
  }

  /**
   * Stages that the client loses its tokens.
   *
   * @param handle - Whose tokens: those of a session that was created meanwhile stay. Left out: all.
   */
  clear(request: FastifyRequest, method: TransferMethod | 'all', handle?: string): void {
    this.#stage(request, (staged) => {
      if (handle !== undefined && staged.isOfOther(handle)) return
      staged.issue = null
      staged.clear = method
    })
  }

  /** Stages that cookies of `olderCookieDomain` are cleared. */
  clearOlder(request: FastifyRequest, types: readonly TokenType[]): void {
    this.#stage(request, (staged) => {
      staged.clearOlder = types
    })
  }

  /** Stages the bound cookie of a session whose browser has shown its key. */
  bind(request: FastifyRequest, binding: Binding): void {
    this.#stage(request, (staged) => {
      staged.bind = binding
    })
  }

  /** Writes what was staged. A hook, for every reply. */
  readonly onSend: onSendHookHandler = (request, reply, payload, done) => {
    const holder = request as unknown as WithSlots
    const staged = holder[this.slot]
    holder[this.slot] = reply
    if (staged instanceof StagedTokens) this.#apply(request, reply, staged)
    done(null, payload)
  }

  #stage(request: FastifyRequest, change: (staged: StagedTokens) => void): void {
    const holder = request as unknown as WithSlots
    const current = holder[this.slot]
    if (current instanceof StagedTokens) {
      change(current)
      return
    }
    const staged = new StagedTokens()
    change(staged)
    if (current === null) {
      holder[this.slot] = staged
      // Fastify runs no onSend hook for a reply that was hijacked.
      request.raw.once('close', () => {
        if (holder[this.slot] === staged && request.raw.errored === null) logLost(request)
      })
    } else if (current === undefined || current.raw.headersSent) {
      logLost(request)
    } else {
      this.#apply(request, current, staged)
    }
  }

  #apply(
    request: FastifyRequest,
    reply: FastifyReply,
    { issue, clear, clearOlder, bind }: StagedTokens
  ): void {
    const { cookies } = this.#settings
    for (const type of clearOlder)
      reply.header('set-cookie', clearedOlderCookie(cookies, type, this.#sameSite(request)))
    const isEnded = issue !== null && this.#ended.has(issue.tokens.accessToken.payload)
    const issued = isEnded ? null : issue
    if (clear !== null) this.#clear(request, reply, clear, issued?.method)
    if (issued !== null) this.#issue(request, reply, issued.tokens, issued.method)
    if (bind !== null) this.#bind(request, reply, bind)
    if (issued !== null || clear !== null || bind !== null || clearOlder.length > 0)
      forbidStoring(reply)
  }

  #issue(
    request: FastifyRequest,
    reply: FastifyReply,
    { accessToken, refreshToken }: IssuedTokens,
    method: TransferMethod
  ): void {
    setExposedHeader(reply, FRONT_TOKEN, encodeFrontToken(accessToken.payload))
    if (method === 'header') {
      setExposedHeader(reply, TOKEN_HEADERS.access, accessToken.text)
      if (refreshToken !== undefined)
        setExposedHeader(reply, TOKEN_HEADERS.refresh, refreshToken.text)
    } else {
      this.#issueCookies(request, reply, { accessToken, refreshToken })
    }
    if (refreshToken !== undefined) this.#clearLegacy(request, reply)
  }

  #issueCookies(
    request: FastifyRequest,
    reply: FastifyReply,
    { accessToken, refreshToken }: IssuedTokens
  ): void {
    const { cookies, exposeAccessToken } = this.#settings
    const sameSite = this.#sameSite(request)
    if (accessToken.text.length > maxAccessTokenLength(cookies))
      request.log.warn(
        { length: accessToken.text.length },
        'the access token is too long for a cookie: keep accessTokenPayload small'
      )
    const access = { value: accessToken.text, expiresAt: accessCookieExpiry(this.#now()), sameSite }
    reply.header('set-cookie', tokenCookie(cookies, 'access', access))
    if (exposeAccessToken) setExposedHeader(reply, TOKEN_HEADERS.access, accessToken.text)
    if (refreshToken === undefined) return
    const { text: value, expiresAt } = refreshToken
    reply.header('set-cookie', tokenCookie(cookies, 'refresh', { value, expiresAt, sameSite }))
    const { antiCsrfToken } = accessToken.payload
    if (antiCsrfToken !== null) setExposedHeader(reply, ANTI_CSRF, antiCsrfToken)
    this.#offerBinding(reply, accessToken.payload)
  }

  /** Asks the browser for a key, with a login and with each refresh until there is one. */
  #offerBinding(reply: FastifyReply, { sessionHandle, cnf }: AccessTokenPayload): void {
    if (this.#dbsc !== null && cnf === undefined)
      reply.header(REGISTRATION_HEADER, this.#dbsc.registrationHeader(sessionHandle, this.#now()))
  }

  #bind(request: FastifyRequest, reply: FastifyReply, binding: Binding): void {
    const cookie = this.#dbsc?.cookies.issue(binding, this.#sameSite(request), this.#now())
    reply.header('set-cookie', cookie)
  }

  /** @param issued - How tokens are issued by the same reply: these are not cleared. */
  #clear(
    request: FastifyRequest,
    reply: FastifyReply,
    method: TransferMethod | 'all',
    issued: TransferMethod | undefined
  ): void {
    if (method !== 'header' && issued !== 'cookie') {
      const { cookies } = this.#settings
      const sameSite = this.#sameSite(request)
      reply.header('set-cookie', clearedCookie(cookies, 'access', sameSite))
      reply.header('set-cookie', clearedCookie(cookies, 'refresh', sameSite))
      const bound = this.#dbsc?.cookies
      if (bound !== undefined && bound.valuesIn(request.headers.cookie).length > 0)
        reply.header('set-cookie', bound.clear(sameSite))
    }
    if (method !== 'cookie' && issued !== 'header') {
      setExposedHeader(reply, TOKEN_HEADERS.access, '')
      setExposedHeader(reply, TOKEN_HEADERS.refresh, '')
    }
    if (issued === undefined) setExposedHeader(reply, FRONT_TOKEN, REMOVE_FRONT_TOKEN)
    if (method === 'all') this.#clearLegacy(request, reply)
  }

  #clearLegacy(request: FastifyRequest, reply: FastifyReply): void {
    const { cookies } = this.#settings
    if (parseCookies(cookies.names, request.headers.cookie).hasIdRefreshToken)
      reply.header('set-cookie', clearedLegacyCookie(cookies, this.#sameSite(request)))
  }
}

/** For one kind of cache, such as a CDN's, in the place of `Cache-Control` (RFC 9213). */
const TARGETED = /-cache-control$|^surrogate-control$/

/** Whoever stores such a reply stores a session with it. */
function forbidStoring(reply: FastifyReply): void {
  for (const name of Object.keys(reply.getHeaders())) {
    if (!TARGETED.test(name)) continue
    reply.removeHeader(name)
    reply.raw.removeHeader(name)
  }
  reply.header('cache-control', 'no-store')
}

function handleOf(tokens: IssuedTokens): string {
  return tokens.accessToken.payload.sessionHandle
}

function logLost(request: FastifyRequest): void {
  request.log.warn(
    'session tokens changed after the reply was sent: the client does not get them; await what changes them before the reply is sent'
  )
}
