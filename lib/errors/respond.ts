import type { FastifyReply } from 'fastify'
import { ErrorReply } from './error-reply.ts'
import { stringifyJson } from './json.ts'
import { jsonType } from './renderers.ts'
import { applyHeaders, type DropListener } from './reply-headers.ts'

/** Statuses whose replies end after the head (RFC 9110 15.3.5, 15.3.6, 15.4.5). */
const bodyless: ReadonlySet<number> = new Set([204, 205, 304])

/**
 * Sends what a handler answered.
 *
 * Objects become strings here and not in Fastify: a route's response schema for the status, its
 * `preSerialization` hooks or a serialiser left on the reply would reshape an error or break it.
 */
export function respond(reply: FastifyReply, value: unknown, listener: DropListener): void {
  if (!(value instanceof ErrorReply)) {
    sendBody(reply, value, undefined)
    return
  }
  const { status, headers, body, type } = value
  reply.raw.statusCode = status
  if (headers !== undefined) applyHeaders(reply, headers, listener)
  sendBody(reply, body, type)
}

function sendBody(reply: FastifyReply, body: unknown, type: string | undefined): void {
  if (body === undefined || bodyless.has(reply.statusCode)) {
    reply.removeHeader('content-type')
    reply.send()
    return
  }
  if (type !== undefined) reply.type(type)
  if (isSendable(body)) {
    reply.send(body)
    return
  }
  if (!reply.hasHeader('content-type')) reply.type(jsonType)
  reply.send(stringifyJson(body))
}

/** What Fastify sends as it is: text, bytes, streams, and a web `Response` with a head of its own. */
function isSendable(body: unknown): boolean {
  if (typeof body === 'string') return true
  if (typeof body !== 'object' || body === null) return false
  return (
    ArrayBuffer.isView(body) ||
    ('pipe' in body && typeof body.pipe === 'function') ||
    ('getReader' in body && typeof body.getReader === 'function') ||
    Object.prototype.toString.call(body) === '[object Response]'
  )
}
