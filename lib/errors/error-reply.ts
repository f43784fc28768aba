import { validateHeaderName, validateHeaderValue } from 'node:http'
import { finished, Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'
import type { FastifyReply } from 'fastify'
import { checkedStatus, checkHeaders, type HeaderBag } from './http-exception.ts'
import { JSON_TYPE, stringifyJson } from './render.ts'

/** A whole answer as a value: what handlers return when a status or headers go with the body. */
export class ErrorReply {
  readonly status: number
  readonly body: unknown
  readonly headers: HeaderBag | undefined
  readonly type: string | undefined

  /**
   * @param status - An integer from 200 to 599.
   * @param body - A string, Buffer or stream is sent as it is, anything else as JSON.
   * @param init - `headers`, and `type`, the media type: by default `application/json` for JSON and `text/plain` for a string.
   * @throws RangeError for any other status. TypeError for headers that are no object of names and
   * values.
   */
  constructor(
    status: number,
    body?: unknown,
    { headers, type }: { headers?: HeaderBag | undefined; type?: string | undefined } = {}
  ) {
    this.status = checkedStatus(status, 'ErrorReply')
    this.body = body
    checkHeaders(headers, 'ErrorReply')
    this.headers = headers ?? undefined
    this.type = type
  }
}

/** Statuses whose replies end after the head (RFC 9110 15.3.5, 15.3.6, 15.4.5). */
const bodyless: ReadonlySet<number> = new Set([204, 205, 304])

/**
 * Sends what a handler answered.
 *
 * Objects become strings here and not in Fastify: a route's response schema for the status, its
 * `preSerialization` hooks or a serialiser left on the reply would reshape an error or break it.
 */
export function sendReply(reply: FastifyReply, value: unknown): void {
  if (!(value instanceof ErrorReply)) {
    sendBody(reply, value, undefined)
    return
  }
  const { status, headers, body, type } = value
  reply.raw.statusCode = status
  if (headers !== undefined) applyHeaders(reply, headers)
  sendBody(reply, body, type)
}

function sendBody(reply: FastifyReply, body: unknown, type: string | undefined): void {
  if (body === undefined || bodyless.has(reply.statusCode)) {
    reply.removeHeader('content-type')
    reply.send()
    return
  }
  if (type !== undefined && isValid('content-type', type)) reply.type(type)
  if (isSendable(body)) {
    reply.send(body)
    return
  }
  if (!reply.hasHeader('content-type')) reply.type(JSON_TYPE)
  reply.send(stringifyJson(body))
}

/** What Fastify sends as it is: text, bytes, and streams of Node. */
function isSendable(body: unknown): boolean {
  if (typeof body === 'string') return true
  if (typeof body !== 'object' || body === null) return false
  return ArrayBuffer.isView(body) || ('pipe' in body && typeof body.pipe === 'function')
}

/** Streams and a `Response` of the web as what stands for them in Node, where failures can be seen. */
export function fromWeb(value: unknown): unknown {
  if (isResponse(value)) {
    const { status, body, headers } = value
    return new ErrorReply(status, nodeStream(body ?? undefined), { headers: bagOf(headers) })
  }
  if (!(value instanceof ErrorReply)) return nodeStream(value)
  const { status, body, headers, type } = value
  return body instanceof ReadableStream
    ? new ErrorReply(status, nodeStream(body), { headers, type })
    : value
}

/** Also of a package that brings its own. */
function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === '[object Response]'
}

function nodeStream(body: unknown): unknown {
  return body instanceof ReadableStream ? Readable.fromWeb(body as WebStream) : body
}

/** Without what frames the body, which may come from another server. */
function bagOf(headers: Headers): HeaderBag {
  const cookies = headers.getSetCookie()
  const bag = Object.fromEntries([...headers].filter(([name]) => !reserved.has(name)))
  return cookies.length === 0 ? bag : { ...bag, 'set-cookie': cookies }
}

/** The stream that a handler answers with, if it does. */
export function streamOf(value: unknown): Readable | undefined {
  const body = value instanceof ErrorReply ? value.body : value
  return body instanceof Readable ? body : undefined
}

/**
 * Calls back when a stream has something to read, or has ended; with its error where it failed. If
 * the client goes before that, so does the stream.
 */
export function whenReadable(
  stream: Readable,
  { raw }: FastifyReply,
  callback: (fault?: Error | null) => void
): void {
  const destroy = () => void stream.destroy()
  const settle = (fault?: Error | null) => {
    stream.off('readable', settle)
    raw.off('close', destroy)
    stopWatching()
    callback(fault)
  }
  const stopWatching = finished(stream, { writable: false }, settle)
  stream.once('readable', settle)
  raw.once('close', destroy)
}

/** Headers that describe the body the route meant to send, and not the one an error gets. */
const representation: ReadonlySet<string> = new Set([
  'accept-ranges',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'location'
])

/** What HTTP/2 has no use for (RFC 9113 section 8.2.2), and Node refuses there. */
const ofConnection: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade'
])

/** How the body is framed that the route meant to send. Beside a length clients refuse it. */
const ofFraming: ReadonlySet<string> = new Set(['trailer', 'transfer-encoding'])

/** Framing and connection are the server's business, and `__proto__` is nobody's. */
const reserved: ReadonlySet<string> = new Set([
  ...ofConnection,
  ...ofFraming,
  '__proto__',
  'content-length',
  'host'
])

export type StripHeaders = 'representation' | 'all' | 'none' | ReadonlySet<string>

/**
 * Removes from the reply what must not go out with an error body, and what could not go out at all:
 * with one invalid value Node refuses the whole head, and Fastify then resends it without any header.
 */
export function cleanHeaders(reply: FastifyReply, strip: StripHeaders): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (isStripped(name, strip)) {
      removeHeader(reply, name)
    } else if (!isPossible(reply, name, value)) {
      dropHeader(reply, name)
    } else if (name === 'set-cookie' && Array.isArray(value)) {
      removeHeader(reply, name)
      reply.header(name, lastOfEachCookie(value))
    } else {
      joinList(reply, name, value)
    }
  }
}

/** Removes from the reply what a handler has set and could not go out. */
export function dropInvalidHeaders(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (!isPossible(reply, name, value)) dropHeader(reply, name)
    else joinList(reply, name, value)
  }
}

/**
 * HTTP/2 of Node throws, where nobody can catch it, over a list for a header that has one value. In
 * one line it means the same (RFC 9110 5.3), but for cookies.
 */
function joinList(reply: FastifyReply, name: string, value: unknown): void {
  if (!Array.isArray(value) || name === 'set-cookie') return
  if (reply.request.raw.httpVersionMajor > 1) reply.header(name, value.join(', '))
}

/** Sets an error's headers; cookies are added, others replaced. */
export function applyHeaders(reply: FastifyReply, headers: HeaderBag): void {
  for (const [rawName, value] of Object.entries(headers)) {
    const name = rawName.toLowerCase()
    if (value === undefined || value === null) continue
    if (reserved.has(name) || !isValid(name, value)) logDropped(reply, name)
    else {
      reply.header(name, typeof value === 'number' ? String(value) : value)
      joinList(reply, name, value)
    }
  }
}

function isStripped(name: string, strip: StripHeaders): boolean {
  if (strip === 'all') return true
  if (strip === 'none') return name === 'content-type' || name === 'content-length'
  return strip === 'representation' ? representation.has(name) : strip.has(name)
}

/** A stream that failed has left its headers on the raw response already. */
function removeHeader(reply: FastifyReply, name: string): void {
  reply.removeHeader(name)
  reply.raw.removeHeader(name)
}

function dropHeader(reply: FastifyReply, name: string): void {
  removeHeader(reply, name)
  logDropped(reply, name)
}

function isPossible({ request }: FastifyReply, name: string, value: unknown): boolean {
  if (ofFraming.has(name)) return false
  if (request.raw.httpVersionMajor > 1 && ofConnection.has(name)) return false
  return isValid(name, value)
}

function isValid(name: string, value: unknown): boolean {
  try {
    validateHeaderName(name)
    for (const single of Array.isArray(value) ? value : [value]) {
      if (typeof single !== 'string' && typeof single !== 'number') return false
      validateHeaderValue(name, String(single))
    }
    return true
  } catch {
    return false
  }
}

/** One cookie per name, domain and path: the last, which is the one a browser would keep. */
function lastOfEachCookie(cookies: readonly string[]): string[] {
  const byIdentity = new Map<string, string>()
  for (const cookie of cookies) {
    const identity = cookieIdentity(cookie)
    byIdentity.delete(identity)
    byIdentity.set(identity, cookie)
  }
  return [...byIdentity.values()]
}

function cookieIdentity(cookie: string): string {
  const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim())
  const place = attributes.filter((attribute) => /^(domain|path)=/i.test(attribute)).sort()
  return [pair.split('=', 1)[0], ...place].join(';').toLowerCase()
}

function logDropped(reply: FastifyReply, header: string): void {
  reply.request.log.warn({ header }, 'a header of an error reply is invalid and was dropped')
}
