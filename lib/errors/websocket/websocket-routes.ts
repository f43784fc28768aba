import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import type { WebSocketLike } from '../types.ts'
import { guarded } from './socket-errors.ts'

type SocketHandler = (
  this: FastifyInstance,
  socket: WebSocketLike,
  request: FastifyRequest
) => unknown

/** What @fastify/websocket adds to a route's options. */
interface WebSocketOptions {
  websocket?: boolean
  handler?: SocketHandler
  wsHandler?: SocketHandler
}

/**
 * Leads errors of a WebSocket handler to the registry. Only while @fastify/websocket has not seen the
 * route: it is registered after the errors plugin then, and wraps what it finds here.
 */
export function wrapSocketHandlers(route: RouteOptions): void {
  const options = route as unknown as WebSocketOptions
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
