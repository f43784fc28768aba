import { reasonPhrase } from './reason-phrase.ts'
import type { ErrorRenderer, RenderedBody, RenderInput } from './types.ts'

export const jsonType = 'application/json; charset=utf-8'

/** Some errors have no request: what came was not HTTP. */
type InputWithoutRequest = Omit<RenderInput, 'request'>

/** FastAPI's form: `{"detail": ...}`. */
export function renderDetail({ detail, issues, code }: InputWithoutRequest): RenderedBody {
  const body = { detail: issues ?? detail }
  return { body: code === undefined ? body : { ...body, code } }
}

/** Fastify's own form: `{"statusCode", "code", "error", "message"}`. */
export function renderFastify({ status, error, detail, code }: InputWithoutRequest): RenderedBody {
  const message = typeof detail === 'string' ? detail : messageOf(error)
  const body = { statusCode: status, error: reasonPhrase(status), message }
  return { body: code === undefined ? body : { ...body, code } }
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

export interface ProblemOptions {
  /** A URI for the kind of problem. @defaultValue 'about:blank' for all */
  type?(error: unknown): string
  /** Whether to name the request: `urn:request:<id>`. @defaultValue false */
  instance?: boolean
}

/** RFC 9457: `application/problem+json`. Members of an object detail become members of the problem. */
export function renderProblem(input: RenderInput, options: ProblemOptions = {}): RenderedBody {
  const { status, error, detail, issues, code, request } = input
  const body: Record<string, unknown> = {
    type: options.type?.(error) ?? 'about:blank',
    title: reasonPhrase(status),
    status
  }
  if (typeof detail === 'string') body['detail'] = detail
  if (options.instance) body['instance'] = `urn:request:${request.id}`
  if (code !== undefined) body['code'] = code
  if (issues) body['errors'] = issues.map((issue) => ({ ...issue, pointer: pointerTo(issue.loc) }))
  else if (isPlainObject(detail)) {
    for (const [name, value] of Object.entries(detail)) {
      if (!reservedMembers.has(name)) body[name] = value
    }
  }
  return { type: 'application/problem+json; charset=utf-8', body }
}

/** The problem renderer with the app's settings. */
export function problemRenderer(options: ProblemOptions): ErrorRenderer {
  return (input) => renderProblem(input, options)
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
