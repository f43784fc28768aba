import type { HeaderBag } from './types.ts'

/** A whole answer as a value: what handlers return when a status or headers go with the body. */
export class ErrorReply {
  readonly status: number
  readonly body: unknown
  readonly headers: HeaderBag | undefined
  readonly type: string | undefined

  /**
   * @param body - A string, Buffer or stream is sent as it is, anything else as JSON.
   * @param init.type - The media type; by default `application/json` for JSON and `text/plain` for a string.
   */
  constructor(
    status: number,
    body?: unknown,
    { headers, type }: { headers?: HeaderBag; type?: string } = {}
  ) {
    this.status = status
    this.body = body
    this.headers = headers
    this.type = type
  }
}

/** Returned by a handler that will answer later, from a callback. */
export const DEFERRED: unique symbol = Symbol('fastify-supersession.deferred')
