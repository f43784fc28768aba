import { STATUS_CODES } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { ErrorReply } from './error-reply.ts'
import { stringifyJson, stringifyPlain } from './json.ts'
import { reasonPhrase } from './reason-phrase.ts'
import { jsonType, renderDetail } from './renderers.ts'
import type { ErrorSettings } from './settings.ts'
import type { ValidationIssue } from './types.ts'

export interface Renderable {
  readonly status: number
  readonly error: Error
  /** What may be shown; `undefined` stands for the reason phrase. */
  readonly detail?: unknown
  readonly issues?: readonly ValidationIssue[] | undefined
  readonly code?: string | undefined
}

/** Most errors say no more than their status: these bodies are made once. */
const phraseBodies: ReadonlyMap<number, string> = new Map(
  Object.entries(STATUS_CODES).map(([status, detail]) => [
    Number(status),
    JSON.stringify({ detail })
  ])
)

/** The reply to an error in the form the scope's renderer gives it, as a string already. */
export function renderReply(
  { status, error, detail, issues, code }: Renderable,
  request: FastifyRequest,
  { render, exposeCode }: ErrorSettings
): ErrorReply {
  const isPlain = render === renderDetail && !exposeCode
  const plainBody = isPlain ? plainBodyOf(status, detail, issues) : undefined
  if (plainBody !== undefined) return new ErrorReply(status, plainBody, { type: jsonType })
  const input = {
    status,
    error,
    detail: detail === undefined ? reasonPhrase(status) : detail,
    request,
    ...(issues && { issues }),
    ...(code !== undefined && !isPlain && { code })
  }
  const onUnserializable = () =>
    request.log.warn('a part of an error detail could not be serialised')
  let rendered = renderDetail(input)
  try {
    rendered = render(input)
  } catch (err) {
    request.log.error({ err }, 'an error renderer failed')
  }
  const { type = jsonType, body } = rendered
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
  return new ErrorReply(status, isRaw ? body : stringifyJson(body, onUnserializable), { type })
}

/** The body of the detail renderer for details that need no care, which are nearly all. */
function plainBodyOf(
  status: number,
  detail: unknown,
  issues: Renderable['issues']
): string | undefined {
  // Issues are made here, of strings and numbers; what a full echo may hold besides is the input.
  if (issues !== undefined) return `{"detail":${stringifyPlain(issues)}}`
  if (detail === undefined) return phraseBodies.get(status)
  return typeof detail === 'string' ? `{"detail":${JSON.stringify(detail)}}` : undefined
}
