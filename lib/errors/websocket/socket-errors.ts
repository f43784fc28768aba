import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { reasonPhrase } from '../http-exception.ts'
import { normalizeError } from '../normalize-error.ts'
import { type Entry, keyName } from '../registry.ts'
import { logSafely } from '../report.ts'
import { tableOf, webSocketTableOf } from '../scope.ts'
import type {
  ExceptionHandler,
  NormalizedError,
  WebSocketExceptionHandler,
  WebSocketLike
} from '../types.ts'
import { cutReason, isSendable, WebSocketException } from './websocket-exception.ts'

/** How many different errors one failure may lead through: handlers may throw, too. */
const MAX_ERRORS = 5

/**
 * Ends a socket because of an error in its handler: by the handler for WebSockets that the error's
 * class, code or name leads to, or by a close frame.
 *
 * For the `errorHandler` option of @fastify/websocket, where that was registered first.
 */
export function webSocketErrorHandler(
  error: unknown,
  socket: WebSocketLike,
  request: FastifyRequest
): void {
  void endSocket(error, socket, request)
}

/**
 * A listener of a socket that may throw or reject: @fastify/websocket does not see either, and the
 * process would end.
 *
 * @example socket.on('message', guardSocket(request, socket, async (data) => { ... }))
 */
export function guardSocket<A extends unknown[]>(
  request: FastifyRequest,
  socket: WebSocketLike,
  listener: (...parameters: A) => unknown
): (...parameters: A) => void {
  return (...parameters) => {
    void guarded(() => listener(...parameters), socket, request)
  }
}

/** Runs what may fail on behalf of a socket. */
export async function guarded(
  run: () => unknown,
  socket: WebSocketLike,
  request: FastifyRequest
): Promise<void> {
  try {
    await run()
  } catch (error) {
    await endSocket(error, socket, request)
  }
}

/** Never rejects: nobody would see it, and the process would end. */
async function endSocket(
  original: unknown,
  socket: WebSocketLike,
  request: FastifyRequest
): Promise<void> {
  try {
    await answer(original, socket, request)
  } catch (fault) {
    logSafely(request, 'error', 'handling an error of a WebSocket failed', () => ({ err: fault }))
    try {
      socket.close(internalError)
    } catch {
      // What was wrong with the socket stands in the log.
    }
  }
}

async function answer(
  original: unknown,
  socket: WebSocketLike,
  request: FastifyRequest
): Promise<void> {
  const { settings } = tableOf(request.server)
  const table = webSocketTableOf(request.server)
  const used = new Set<ExceptionHandler>()
  let normalized = normalizeError(original, request, undefined, settings)
  for (let errors = 0; errors < MAX_ERRORS; ) {
    const entry = table.find(normalized, used) ?? httpEntry(normalized, used, request)
    if (entry === undefined) {
      close(normalized, socket, request)
      return
    }
    used.add(entry.handler)
    try {
      await callHandler(entry, normalized, socket, request)
      if (!isOpen(socket)) {
        note(normalized, entry, request)
        return
      }
      const handler = keyName(entry.key)
      logSafely(request, 'error', 'a WebSocket exception handler did not close', () => ({
        handler
      }))
    } catch (thrown) {
      if (thrown === normalized.error) continue
      errors++
      normalized = normalizeError(thrown, request, undefined, settings)
    }
  }
  close(normalized, socket, request)
}

/**
 * A handler of `WebSocketException` among those for HTTP, which before the upgrade has a reply and
 * after it, as in FastAPI, has the socket in its place.
 */
function httpEntry(
  normalized: NormalizedError,
  used: Set<ExceptionHandler>,
  request: FastifyRequest
): Entry | undefined {
  if (normalized.kind !== 'websocket') return undefined
  const entry = tableOf(request.server).find(normalized, used)
  if (entry === undefined) return undefined
  used.add(entry.handler)
  const call = entry.handler as unknown as (...parameters: unknown[]) => unknown
  const { owner } = entry
  const swapped = (_error: unknown, socket: unknown) =>
    call.call(owner, normalized.error, request, socket)
  return { ...entry, handler: swapped as unknown as ExceptionHandler }
}

/** `readyState` 1 (RFC 6455); a socket that does not say it is taken to be closed. */
function isOpen(socket: WebSocketLike & { readonly readyState?: number }): boolean {
  return socket.readyState === 1
}

function callHandler(
  { handler, owner }: Entry,
  { error }: NormalizedError,
  socket: WebSocketLike,
  request: FastifyRequest
): unknown {
  return (handler as unknown as WebSocketExceptionHandler).call(owner, error, socket, request)
}

function close(normalized: NormalizedError, socket: WebSocketLike, request: FastifyRequest): void {
  const { code, reason } = closingFor(normalized)
  socket.close(code, reason)
  note(normalized, undefined, request)
}

function note(
  { error, kind }: NormalizedError,
  entry: Entry | undefined,
  request: FastifyRequest
): void {
  const handler = entry && keyName(entry.key)
  if (kind === 'server' && entry === undefined) {
    logSafely(request, 'error', 'websocket failed', () => ({ err: error, handler }))
  } else {
    logSafely(request, 'info', 'websocket closed', () => {
      const { name, message } = error
      const code = error instanceof WebSocketException ? error.code : undefined
      return { error: { name, message, code }, handler }
    })
  }
}

/** How a socket is ended: code and reason of the close frame. */
interface Closing {
  readonly code: number
  readonly reason: string
}

/** RFC 6455 7.4.1: the message violates a policy; the server met something unexpected. */
const [policyViolation, internalError] = [1008, 1011]
const unexpected: Closing = { code: internalError, reason: '' }

/** Close codes of session errors, in the range for applications (RFC 6455 7.4.2). */
const closeCodes: ReadonlyMap<string, number> = new Map([
  ['UNAUTHORISED', 4401],
  ['TRY_REFRESH_TOKEN', 4401],
  ['TOKEN_THEFT_DETECTED', 4401],
  ['INVALID_CLAIMS', 4403]
])

/** The close frame for an error that no handler of the app answers. */
function closingFor(normalized: NormalizedError): Closing {
  const { error, kind, status, detail, sessionType } = normalized
  if (error instanceof WebSocketException) {
    // A class of the app's own may have put something else there.
    const isCode = isSendable(error.code)
    return isCode ? { code: error.code, reason: cutReason(String(error.reason)) } : unexpected
  }
  if (sessionType !== undefined) {
    return { code: closeCodes.get(sessionType) ?? internalError, reason: cutReason(sessionType) }
  }
  if (kind === 'server' && status === 500) return unexpected
  const reason = detail === undefined ? reasonPhrase(status) : detail
  return {
    code: status >= 500 ? internalError : policyViolation,
    reason: typeof reason === 'string' ? cutReason(reason) : ''
  }
}

type SocketHandler = (
  this: FastifyInstance,
  socket: WebSocketLike,
  request: FastifyRequest
) => unknown

/** What @fastify/websocket adds to a route's options. */
interface SocketRoute {
  websocket?: boolean
  handler?: SocketHandler
  wsHandler?: SocketHandler
}

/**
 * Leads errors of a WebSocket handler to the registry. Only while @fastify/websocket has not seen the
 * route: it is registered after the errors plugin then, and wraps what it finds here.
 */
export function wrapSocketHandlers(route: RouteOptions): void {
  const options = route as unknown as SocketRoute
  if (options.wsHandler !== undefined) options.wsHandler = wrapped(options.wsHandler)
  if (options.websocket === true && options.handler !== undefined) {
    options.handler = wrapped(options.handler)
  }
}

function wrapped(handler: SocketHandler): SocketHandler {
  return function (socket, request) {
    return guarded(() => handler.call(this, socket, request), socket, request)
  }
}
