import type { FastifyRequest, preHandlerHookHandler } from 'fastify'
import { resumeStacks, suspendStacks } from '../http-exception.ts'
import type { ErrorSettings } from '../options.ts'
import { tableFor } from '../scope.ts'
import type { FailedPart } from './describe-ajv.ts'
import { type IssueContext, listIssues } from './issues.ts'
import {
  type RequestPart,
  RequestValidationError,
  type ValidationIssue
} from './validation-error.ts'

/** The order of FastAPI's lists, with what each part is called there. */
const parts = [
  { part: 'params', prefix: 'path', property: 'params' },
  { part: 'querystring', prefix: 'query', property: 'query' },
  { part: 'headers', prefix: 'header', property: 'headers' },
  { part: 'body', prefix: 'body', property: 'body' }
] as const

type Part = (typeof parts)[number]

/** The order in which Fastify validates; it stops at the first part that fails. */
const validationOrder: readonly RequestPart[] = ['params', 'body', 'querystring', 'headers']

/** An error of Fastify's validation or of its JSON parser, as it comes out of them. */
interface RequestFault extends Error {
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly validation?: unknown
  readonly validationContext?: unknown
}

/** Turns Fastify's errors about what a client sent into a `RequestValidationError`. */
export function recognizeRequestError(
  error: RequestFault,
  request: FastifyRequest,
  settings: ErrorSettings
): RequestValidationError | undefined {
  if (error.code === 'FST_ERR_CTP_INVALID_JSON_BODY' && settings.compat !== 'fastify') {
    return unreadableBody(error, request, invalidJson(error))
  }
  if (error.code === 'FST_ERR_CTP_EMPTY_JSON_BODY' && settings.compat !== 'fastify') {
    return unreadableBody(error, request, emptyBody)
  }
  const first = parts.find(({ part }) => part === error.validationContext)
  if (first === undefined || isValidatorFault(error) || hasValidatorStatus(error)) return undefined
  return schemaMismatch(error, first, request, settings)
}

/** A validator or formatter that chose another status than the 400 which Fastify gives to all. */
export function hasValidatorStatus({ statusCode }: RequestFault): boolean {
  return Number.isInteger(statusCode) && Number(statusCode) > 400 && Number(statusCode) < 500
}

/** A validator that throws gets 500 from Fastify: its own fault, and not the client's. */
function isValidatorFault({ statusCode, validation }: RequestFault): boolean {
  return !Array.isArray(validation) && Number(statusCode) >= 500
}

function schemaMismatch(
  error: RequestFault,
  first: Part,
  request: FastifyRequest,
  settings: ErrorSettings
): RequestValidationError {
  const failed = new Map<RequestPart, FailedPart>()
  failed.set(first.part, failedPart(first, error.validation ?? error, request))
  const rest = validationOrder.slice(validationOrder.indexOf(first.part) + 1)
  for (const place of parts) {
    const problems = rest.includes(place.part) ? validatePart(place, request) : undefined
    if (problems !== undefined) failed.set(place.part, failedPart(place, problems, request))
  }
  const inOrder = parts.flatMap(({ part }) => failed.get(part) ?? [])
  const context: IssueContext = { validation: settings.validation, request }
  return new RequestValidationError({
    message: error.message,
    list: () => listIssues(inOrder, context),
    endpoint: endpointOf(request),
    cause: error,
    body: request.body,
    parts: validationOrder.filter((part) => failed.has(part)),
    code: String(error.code)
  })
}

function failedPart(place: Part, problems: unknown, request: FastifyRequest): FailedPart {
  const isAjv = isAjvValidator(validatorOf(place.part, request))
  return { prefix: place.prefix, problems, isAjv, value: request[place.property] }
}

interface Validator {
  (data: unknown, context?: object): unknown
  readonly errors?: unknown
  /** Ajv's mark; Fastify itself tells its validators by it. */
  readonly schemaEnv?: unknown
}

function isAjvValidator(validator: Validator | undefined): boolean {
  return validator?.schemaEnv !== undefined
}

function validatorOf(part: RequestPart, request: FastifyRequest): Validator | undefined {
  const compiled: unknown = request.getValidationFunction(part)
  if (typeof compiled === 'function') return compiled as Validator
  // A body schema per media type.
  const byType = compiled as Readonly<Record<string, Validator>> | null | undefined
  return byType?.[String(request.mediaType)]
}

/**
 * Validates a part that Fastify did not come to, the way it would have.
 *
 * @returns What is wrong, or `undefined`; also for a validator that needs time, which is not waited for.
 */
function validatePart({ part, property }: Part, request: FastifyRequest): unknown {
  const validator = validatorOf(part, request)
  if (validator === undefined) return undefined
  try {
    const result = runValidator(validator, request, property)
    if (result instanceof Promise) {
      result.catch(() => {})
      return undefined
    }
    if (result === false) return validator.errors
    return (Object(result) as { error?: unknown }).error
  } catch {
    // Its own fault, which must not hide what the client did wrong in the part before.
    return undefined
  }
}

function runValidator(
  validator: Validator,
  request: FastifyRequest,
  property: Part['property']
): unknown {
  const data = request[property] ?? null
  if (!isAjvValidator(validator)) return validator(data)
  return validator(data, { parentData: request, parentDataProperty: property })
}

const emptyBody: ValidationIssue = {
  type: 'missing',
  loc: ['body'],
  msg: 'Field required',
  input: null
}

function invalidJson({ message }: Error): ValidationIssue {
  return {
    type: 'json_invalid',
    loc: ['body'],
    msg: 'JSON decode error',
    input: {},
    ctx: { error: message }
  }
}

function unreadableBody(
  error: RequestFault,
  request: FastifyRequest,
  issue: ValidationIssue
): RequestValidationError {
  return new RequestValidationError({
    message: error.message,
    list: () => [issue],
    endpoint: endpointOf(request),
    cause: error,
    body: undefined,
    parts: ['body'],
    code: String(error.code)
  })
}

export function endpointOf(request: FastifyRequest): { method: string; url: string } {
  return { method: request.method, url: request.routeOptions.url ?? '' }
}

/** With `attachValidation` a handler finds the error on the request, as a `RequestValidationError`. */
export const convertAttachedError: preHandlerHookHandler = (request, _reply, done) => {
  const holder: { validationError?: FastifyRequest['validationError'] } = request
  const error = holder.validationError
  if (error !== undefined) {
    const converted = recognizeRequestError(error, request, tableFor(request).settings)
    Object.assign(holder, { validationError: converted ?? error })
  }
  done()
}

/**
 * What Fastify is given to say that a part of a request is invalid. Its own formatter writes every
 * problem into the message, half a megabyte for a body with twenty thousand of them.
 */
export function formatSchemaErrors(problems: readonly unknown[], part: string): Error {
  const limit = suspendStacks()
  const error = new Error(`${part} does not satisfy its schema (${problems.length} problems)`)
  resumeStacks(limit)
  return error
}
