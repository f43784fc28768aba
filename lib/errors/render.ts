import type { FastifyBaseLogger } from 'fastify'
import { reasonPhrase } from './http-exception.ts'
import type { RenderedBody, RenderInput } from './types.ts'

export const JSON_TYPE = 'application/json; charset=utf-8'

/** Some errors have no request: what came was not HTTP. */
type InputWithoutRequest = Omit<RenderInput, 'request'>

/** FastAPI's form: `{"detail": ...}`. */
export function renderDetail({ detail, issues, code }: InputWithoutRequest): RenderedBody {
  const body = { detail: issues ?? detail }
  return { body: code === undefined ? body : { ...body, code } }
}

/** What a renderer makes of an error; where it fails, or answers something else, FastAPI's form. */
export function renderSafely<I extends InputWithoutRequest>(
  render: (input: I) => RenderedBody,
  input: I,
  log: Pick<FastifyBaseLogger, 'error'>
): RenderedBody {
  try {
    const rendered = render(input)
    if ('body' in rendered) return rendered
    // A promise that fails without anybody who listens ends the process.
    Promise.resolve(rendered).catch(() => {})
    throw new TypeError('an error renderer has to answer { body }, and a type if it is no JSON')
  } catch (err) {
    log.error({ err }, 'an error renderer failed')
    return renderDetail(input)
  }
}

/** Fastify's own form: `{"statusCode", "code", "error", "message"}`. */
export function renderFastify({ status, error, detail, code }: InputWithoutRequest): RenderedBody {
  const message = typeof detail === 'string' ? detail : messageOf(error)
  const named = code === undefined ? {} : { code }
  return { body: { statusCode: status, ...named, error: reasonPhrase(status), message } }
}

/** Names RFC 9457 3.1 gives a meaning, and those that are no plain keys. */
const reservedMembers: ReadonlySet<string> = new Set([
  'type',
  'title',
  'status',
  'detail',
  'instance',
  '__proto__',
  'constructor',
  'prototype'
])

/** RFC 9457: `application/problem+json`. Members of an object detail become members of the problem. */
export function renderProblem({ status, detail, issues, code }: InputWithoutRequest): RenderedBody {
  const body: Record<string, unknown> = {
    type: 'about:blank',
    title: reasonPhrase(status),
    status
  }
  if (typeof detail === 'string') body['detail'] = detail
  if (code !== undefined) body['code'] = code
  if (issues) body['errors'] = issues.map((issue) => ({ ...issue, pointer: pointerTo(issue.loc) }))
  else if (isPlainObject(detail)) {
    for (const [name, value] of Object.entries(detail)) {
      if (!reservedMembers.has(name)) body[name] = value
    }
  }
  return { type: 'application/problem+json; charset=utf-8', body }
}

/** RFC 6901, as a URI fragment, below the part of the request that the location begins with. */
function pointerTo(loc: readonly (string | number)[]): string {
  const segments = loc.slice(1).map((segment) => {
    return encodeURIComponent(String(segment).replaceAll('~', '~0').replaceAll('/', '~1'))
  })
  return ['#', ...segments].join('/')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What was left out of a value that JSON cannot hold, for the log. */
export type OnUnserializable = () => void

/**
 * JSON of any value, without ever throwing: an error's detail must not change the error's status.
 *
 * What JSON has no form for becomes the nearest thing it has: BigInt a string, Map an object, Set an
 * array, an Error its message, bytes base64, a cycle `"[Circular]"`, and what throws while it is
 * read `"[Unserializable]"`. Depth and size are bounded: `"[Too deep]"`, `"[Too large]"`.
 */
export function stringifyJson(value: unknown, onUnserializable: OnUnserializable = ignore): string {
  const walk: Walk = { ancestors: new Set(), onUnserializable, nodes: 0 }
  return JSON.stringify(jsonable(value, walk)) ?? 'null'
}

/** JSON of a value that is most likely plain: at full speed, and with all care if that fails. */
export function stringifyPlain(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return stringifyJson(value)
  }
}

function ignore(): void {}

/** Deeper than any answer that is meant, and far from what JSON.stringify can take. */
const MAX_DEPTH = 100
/** So many values in all: what is read back from a body of a client is bounded by its size. */
const MAX_NODES = 200_000

interface Walk {
  /** What the value stands in. */
  readonly ancestors: Set<object>
  readonly onUnserializable: OnUnserializable
  nodes: number
}

function jsonable(value: unknown, walk: Walk): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return null
  if (typeof value !== 'object' || value === null) return value
  const { ancestors } = walk
  if (ancestors.has(value)) return '[Circular]'
  if (ancestors.size >= MAX_DEPTH) return '[Too deep]'
  if (++walk.nodes > MAX_NODES) return '[Too large]'
  ancestors.add(value)
  let copy: unknown
  try {
    copy = jsonableObject(value, walk)
  } catch {
    walk.onUnserializable()
    copy = '[Unserializable]'
  }
  ancestors.delete(value)
  return copy
}

function jsonableObject(value: object, walk: Walk): unknown {
  const convert = (item: unknown) => jsonable(item, walk)
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return convert(value.toJSON())
  if (value instanceof Error) return value.message
  if (Array.isArray(value)) return value.map(convert)
  if (value instanceof Set) return [...value].map(convert)
  const entries = value instanceof Map ? value.entries() : Object.entries(value)
  const copy = Object.create(null)
  for (const [key, item] of entries) copy[String(key)] = convert(item)
  return copy
}
