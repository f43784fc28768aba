import type { FastifyReply } from 'fastify'
import type { ErrorSettings } from './settings.ts'
import type { HeaderBag } from './types.ts'

/** An answer that an error of some other library asks for. */
export interface ForeignAnswer {
  readonly status: number
  /** What may be shown; `undefined` stands for the reason phrase. */
  readonly detail: unknown
  readonly headers: HeaderBag | undefined
}

interface ForeignError extends Error {
  readonly statusCode?: unknown
  readonly status?: unknown
  readonly expose?: unknown
  readonly headers?: unknown
  readonly code?: unknown
}

/** The mark on the prototype of every class that @fastify/error makes. */
const fastifyErrorMark = Symbol.for('fastify-error-generic')

/** Core errors whose messages repeat the URL. */
const echoesURL: ReadonlySet<unknown> = new Set([
  'FST_ERR_BAD_URL',
  'FST_ERR_MAX_PARAM_LENGTH',
  'FST_ERR_ASYNC_CONSTRAINT'
])

/**
 * Reads the status an error asks for by `statusCode`, or that was set on the reply before the throw.
 *
 * A bare `status` is not believed: HTTP clients put the status of the server they called there, and
 * an upstream's 401 passed on would log a front end out.
 */
export function foreignAnswer(
  error: ForeignError,
  reply: FastifyReply | undefined,
  trust: ErrorSettings['trustStatusCode']
): ForeignAnswer | undefined {
  const status =
    isErrorStatus(error.statusCode) && isTrusted(error, trust)
      ? error.statusCode
      : explicitStatus(error, reply)
  if (status === undefined) return undefined
  const headers = Object(error.headers) === error.headers ? (error.headers as HeaderBag) : undefined
  return { status, detail: shownDetail(error, status), headers }
}

function isErrorStatus(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599
}

function isTrusted(error: ForeignError, trust: ErrorSettings['trustStatusCode']): boolean {
  if (trust === 'fastify') return true
  return isHTTPError(error) || fastifyErrorMark in error || (trust !== 'known' && trust(error))
}

/** An instance of http-errors, by the two facts only its instances have. */
function isHTTPError({ expose, status, statusCode }: ForeignError): boolean {
  return typeof expose === 'boolean' && status === statusCode
}

/**
 * What `reply.code()` said before the throw. With a tracing subscriber Fastify writes the error's
 * own status there first, hence a 500 and an equal bare `status` do not count.
 */
function explicitStatus(error: ForeignError, reply: FastifyReply | undefined): number | undefined {
  const status = reply?.statusCode ?? 200
  return status >= 400 && status !== 500 && status !== error.status ? status : undefined
}

function shownDetail(error: ForeignError, status: number): unknown {
  if (status >= 500 || echoesURL.has(error.code)) return undefined
  if (isHTTPError(error) && error.expose === false) return undefined
  return error.message
}
