import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TokenType } from '../session/types.ts'

const EXPOSE = 'access-control-expose-headers'
const BEARER = 'Bearer '

/** Names of the headers that carry tokens to the client. */
export const FRONT_TOKEN = 'front-token'
export const ANTI_CSRF = 'anti-csrf'
export const TOKEN_HEADERS: Readonly<Record<TokenType, string>> = {
  access: 'st-access-token',
  refresh: 'st-refresh-token'
}

/** Request headers that the front-end SDK sends, for the `allowedHeaders` of a CORS plugin. */
export function getAllCORSHeaders(): string[] {
  return ['rid', 'fdi-version', ANTI_CSRF, 'authorization', 'st-auth-mode']
}

/** The token of an `Authorization: Bearer` header (RFC 6750 section 2.1), `undefined` for others. */
export function readBearerToken(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization === undefined) return undefined
  // RFC 9110 section 11.1: a scheme has no case.
  if (!authorization.startsWith(BEARER) && !/^bearer /i.test(authorization)) return undefined
  return authorization.slice(BEARER.length).trim() || undefined
}

/** A header's value, where it came once and is not empty. */
export function readHeader(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Sets a header that a front end of another origin can read (Fetch standard, CORS). */
export function setExposedHeader(reply: FastifyReply, name: string, value: string): void {
  reply.header(name, value)
  const exposed = reply.getHeader(EXPOSE)
  // A CORS plugin may have set it before us: appended to, never replaced.
  const names =
    exposed === undefined
      ? []
      : String(exposed)
          .split(',')
          .map((text) => text.trim())
  if (!names.some((other) => other.toLowerCase() === name))
    reply.header(EXPOSE, [...names, name].join(', '))
}
