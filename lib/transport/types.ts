import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AntiCsrfMode } from '../options/options.ts'
import type { TokenChange, TransferMethod } from '../session/types.ts'

/** What the session cookies of a request say. An empty cookie counts as missing. */
export interface ReceivedCookies {
  readonly accessToken: string | undefined
  readonly refreshToken: string | undefined
  /** How many cookies of that name came in: two, where `cookieDomain` was changed. */
  readonly accessTokenCount: number
  readonly refreshTokenCount: number
  /** A cookie of the protocol's first generation, which only a refresh replaces. */
  readonly hasIdRefreshToken: boolean
}

/** How the tokens of a session travel. Reads and writes; decides nothing about sessions. */
export interface TokenTransport {
  /** What the app takes from this request. */
  acceptedMethod(request: FastifyRequest): TransferMethod | 'any'
  /**
   * What a session that this request creates travels by.
   * @throws Error Cookies it is, and the browser would drop them.
   */
  methodForNewSession(request: FastifyRequest): TransferMethod
  readBearerToken(request: FastifyRequest): string | undefined
  readCookies(request: FastifyRequest): ReceivedCookies
  antiCsrfMode(request: FastifyRequest): AntiCsrfMode
  /** Any value will do: what counts is that other origins cannot send the header. */
  hasCustomHeader(request: FastifyRequest): boolean
  readAntiCsrfToken(request: FastifyRequest): string | undefined
  /** The one place where tokens are written to a reply. */
  write(request: FastifyRequest, reply: FastifyReply, change: TokenChange): void
}
