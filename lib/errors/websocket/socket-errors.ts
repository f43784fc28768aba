import type { FastifyRequest } from 'fastify'
import { type Failure, understand } from '../failure.ts'
import type { Entry } from '../handler-maps.ts'
import { keyName } from '../handler-maps.ts'
import { logSafely } from '../log.ts'
import { tableOf, webSocketTableOf } from '../scope.ts'
import type { ExceptionHandler, WebSocketExceptionHandler, WebSocketLike } from '../types.ts'
import { closingFor } from './close-codes.ts'

/** How many different errors one failure may lead through: handlers may throw, too. */
const maxErrors = 5

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

async function endSocket(
  original: unknown,
  socket: WebSocketLike,
  request: FastifyRequest
): Promise<void> {
  const { settings } = tableOf(request.server)
  const table = webSocketTableOf(request.server)
  const used = new Set<ExceptionHandler>()
  let failure = understand(original, request, undefined, settings)
  for (let errors = 0; errors < maxErrors; ) {
    const entry = table.find(failure, used)
    if (entry === undefined) {
      close(failure, socket, request)
      return
    }
    used.add(entry.handler)
    try {
      await callHandler(entry, failure, socket, request)
      note(failure, entry, request)
      return
    } catch (thrown) {
      if (thrown === failure.error) continue
      errors++
      failure = understand(thrown, request, undefined, settings)
    }
  }
  close(failure, socket, request)
}

function callHandler(
  { handler, owner }: Entry,
  { error }: Failure,
  socket: WebSocketLike,
  request: FastifyRequest
): unknown {
  return (handler as unknown as WebSocketExceptionHandler).call(owner, error, socket, request)
}

function close(failure: Failure, socket: WebSocketLike, request: FastifyRequest): void {
  const { code, reason } = closingFor(failure, tableOf(request.server).settings)
  socket.close(code, reason)
  note(failure, undefined, request)
}

function note({ error, kind }: Failure, entry: Entry | undefined, request: FastifyRequest): void {
  const handler = entry && keyName(entry.key)
  if (kind === 'server' && entry === undefined) {
    logSafely(request, 'error', 'websocket failed', () => ({ err: error, handler }))
  } else {
    const { name, message } = error
    logSafely(request, 'info', 'websocket closed', () => ({ error: { name, message }, handler }))
  }
}
