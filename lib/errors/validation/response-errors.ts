import type { FastifyRequest } from 'fastify'
import type { ErrorSettings } from '../options.ts'
import { listIssues } from './issues.ts'
import { endpointOf } from './request-errors.ts'
import { ResponseValidationError } from './validation-error.ts'

interface ResponseFault extends Error {
  readonly code?: unknown
  readonly serialization?: unknown
  readonly validation?: unknown
}

/**
 * Turns the errors of serialisers and response validators into a `ResponseValidationError`:
 * fast-json-stringify's, @fastify/response-validation's and the zod provider's.
 */
export function recognizeResponseError(
  error: ResponseFault,
  request: FastifyRequest,
  { validation }: ErrorSettings
): ResponseValidationError | undefined {
  const problems = problemsOf(error)
  if (problems === undefined) return undefined
  const part = {
    prefix: 'response',
    problems,
    isAjv: Array.isArray(error.validation),
    value: undefined
  }
  return new ResponseValidationError({
    message: 'Response validation failed',
    list: () => listIssues([part], { validation, request }),
    endpoint: endpointOf(request),
    cause: error
  })
}

function problemsOf(error: ResponseFault): unknown {
  if (error.code === 'FST_RESPONSE_VALIDATION_FAILED_VALIDATION') return error.validation ?? error
  if (error.code === 'FST_ERR_RESPONSE_SERIALIZATION') return issuesOf(error.cause) ?? error
  return error.serialization === undefined ? undefined : error
}

/** Zod keeps its issues under that name. */
function issuesOf(cause: unknown): unknown {
  const { issues } = Object(cause) as { issues?: unknown }
  return Array.isArray(issues) ? issues : undefined
}
