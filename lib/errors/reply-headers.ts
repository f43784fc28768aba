import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { HeaderBag } from './types.ts'

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

/** Framing and connection are the server's business, and `__proto__` is nobody's. */
const reserved: ReadonlySet<string> = new Set([
  '__proto__',
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade'
])

export type StripHeaders = 'representation' | 'all' | 'none' | ReadonlySet<string>

/** Is told the names of headers that could not be sent. */
export interface DropListener {
  headerDropped(name: string): void
}

/**
 * Removes from the reply what must not go out with an error body, and what could not go out at all:
 * with one invalid value Node refuses the whole head, and Fastify then resends it without any header.
 */
export function cleanHeaders(
  reply: FastifyReply,
  strip: StripHeaders,
  listener: DropListener
): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (isStripped(name, strip)) {
      removeHeader(reply, name)
    } else if (!isValid(name, value)) {
      removeHeader(reply, name)
      listener.headerDropped(name)
    } else if (name === 'set-cookie' && Array.isArray(value)) {
      removeHeader(reply, name)
      reply.header(name, lastOfEachCookie(value))
    }
  }
}

/** Sets an error's headers; cookies are added, others replaced. */
export function applyHeaders(
  reply: FastifyReply,
  headers: HeaderBag,
  listener: DropListener
): void {
  for (const [rawName, value] of Object.entries(headers)) {
    const name = rawName.toLowerCase()
    if (value === undefined || value === null) continue
    if (reserved.has(name) || !isValid(name, value)) listener.headerDropped(name)
    else reply.header(name, typeof value === 'number' ? String(value) : value)
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
