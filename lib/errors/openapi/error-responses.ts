import type { RouteOptions } from 'fastify'
import { checkNames } from '../../options/checks.ts'
import { reasonPhrase } from '../http-exception.ts'
import type { ErrorSettings } from '../options.ts'
import { renderFastify, renderProblem } from '../render.ts'
import { instanceOf, tableOf } from '../scope.ts'
import { type SessionRequirement, sessionRequirementOf } from '../session-hook.ts'

/** An exception class that says how it is documented. */
export interface DocumentedException {
  readonly openapi: {
    readonly status: number
    readonly description?: string
    readonly schema?: Readonly<Record<string, unknown>>
  }
}

/** The errors of a route by status, with a description or a schema, or as documented classes. */
export type ErrorResponses =
  | Readonly<Record<number, string | Readonly<Record<string, unknown>>>>
  | readonly DocumentedException[]

/**
 * How sessions travel, as security schemes of OpenAPI: for `openapi.components.securitySchemes` of
 * @fastify/swagger and for the option `securitySchemes` of {@link errorResponsesTransform}. Take one
 * of them where tokens travel in one way. With the option `cookiePrefix` the name of the cookie is
 * another one.
 */
export const sessionSecuritySchemes: {
  readonly sessionCookie: { readonly type: 'apiKey'; readonly in: 'cookie'; readonly name: string }
  readonly sessionToken: {
    readonly type: 'http'
    readonly scheme: 'bearer'
    readonly bearerFormat: 'JWT'
  }
} = {
  sessionCookie: { type: 'apiKey', in: 'cookie', name: 'sAccessToken' },
  sessionToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }
}

/** What is needed of an app. One with a logger of its own has it, and is no `FastifyInstance`. */
export interface AppWithSchemas {
  getSchema(id: string): unknown
  addSchema(schema: unknown): unknown
}

/** What @fastify/swagger hands to a transform, as far as it matters here. */
export interface TransformInput {
  readonly schema: unknown
  readonly url: string
  readonly route: RouteOptions
}

export interface TransformResult {
  readonly schema: never
  readonly url: string
}

/** What {@link errorResponsesTransform} takes. */
export interface ErrorResponsesOptions {
  /** A transform of the app's own, applied before. */
  readonly transform?: (input: never) => { readonly schema: unknown; readonly url: string }
  /** Statuses to document for every route: 404, 405, 413, 415, 500. */
  readonly common?: readonly number[]
  /** Replaces the schema of invalid requests everywhere. */
  readonly validationSchema?: Schema
  /**
   * The security schemes of routes that verify a session, such as {@link sessionSecuritySchemes}: each
   * of them is enough. Give the same to `openapi.components.securitySchemes`.
   * @defaultValue none: the document says nothing of them
   */
  readonly securitySchemes?: Readonly<Record<string, object>>
  /** The schema of other errors, for a renderer of the app's own. */
  readonly errorSchema?: Schema
}

/**
 * For the `transform` option of @fastify/swagger: adds the errors a route can answer with to its
 * documentation.
 *
 * Only to the documentation: nothing is compiled, and no error body is reshaped by a schema.
 */
export function errorResponsesTransform(
  app: AppWithSchemas,
  options: ErrorResponsesOptions = {}
): (input: TransformInput) => TransformResult {
  const given: unknown = options
  checkNames(
    given,
    ['transform', 'common', 'securitySchemes', 'validationSchema', 'errorSchema'],
    'errorResponsesTransform'
  )
  for (const schema of [validationErrorSchema, httpValidationErrorSchema]) {
    if (app.getSchema(schema.$id) === undefined) app.addSchema(schema)
  }
  return (input) => {
    const { schema, url } = options.transform?.(input as never) ?? input
    const documented = isDocumented(input.route, schema)
      ? withErrors(
          (schema ?? {}) as Schema,
          input.route,
          new ErrorSchemas(instanceOf(input.route) ?? app, options)
        )
      : schema
    return { schema: documented as never, url }
  }
}

/** HEAD twins say what their GET says, and a WebSocket has no replies. */
function isDocumented(route: RouteOptions & { websocket?: boolean }, schema: unknown): boolean {
  return (
    route.method !== 'HEAD' &&
    route.websocket !== true &&
    (schema as Schema | undefined)?.['hide'] !== true
  )
}

/** The schemas of error bodies, as the scope of a route renders them. */
class ErrorSchemas {
  readonly options: ErrorResponsesOptions
  readonly settings: ErrorSettings

  constructor(scope: object, options: ErrorResponsesOptions) {
    this.options = options
    this.settings = tableOf(scope).settings
  }

  /** A response of one error. */
  response(description: string, schema?: Schema): Schema {
    const { render } = this.settings
    const given = schema ?? this.options.errorSchema
    if (given === undefined && render === renderProblem)
      return { description, content: { 'application/problem+json': { schema: problemSchema } } }
    const ours = render === renderFastify ? fastifySchema : detailSchema
    return jsonResponse(description, given ?? ours)
  }

  validation(): Schema {
    const { validationSchema } = this.options
    const { render } = this.settings
    const looksLikeOthers = render === renderProblem || render === renderFastify
    if (looksLikeOthers && validationSchema === undefined) return this.response('Validation Error')
    return jsonResponse('Validation Error', validationSchema ?? { $ref: 'HTTPValidationError#' })
  }
}

function jsonResponse(description: string, schema: Schema): Schema {
  return { description, content: { 'application/json': { schema } } }
}

function withErrors(schema: Schema, route: RouteOptions, schemas: ErrorSchemas): Schema {
  const declared = (schema['response'] ?? {}) as Schema
  const added: Record<string, Schema> = {}
  const { status } = schemas.settings.validation
  if (isValidated(schema) && !declares(declared, `${status}`, '4xx', 'default')) {
    added[status] = schemas.validation()
  }
  const requirement = sessionRequirementOf(route)
  Object.assign(added, sessionResponses(requirement, schemas.settings))
  for (const common of schemas.options.common ?? []) {
    added[common] = schemas.response(reasonPhrase(common))
  }
  Object.assign(added, ownResponses(route.config?.errorResponses ?? {}, schemas))
  if (Object.keys(added).length === 0) return schema
  // Swagger only documents a success by itself where nothing else is declared.
  const success = declares(declared, '2') ? {} : { 200: noContent }
  const security = securityOf(requirement, schemas.options)
  return {
    ...(security !== undefined && { security }),
    ...schema,
    response: { ...success, ...added, ...declared }
  }
}

/** A type of null is how swagger is told that there is a description and no schema. */
const noContent: Schema = { description: 'Default Response', type: 'null' }

function isValidated(schema: Schema): boolean {
  return ['body', 'querystring', 'params', 'headers'].some((part) => schema[part] !== undefined)
}

/** Whether a response is declared for one of these statuses, or for any that begins so. */
function declares(declared: Schema, ...prefixes: string[]): boolean {
  return Object.keys(declared).some((status) =>
    prefixes.some((prefix) => status.toLowerCase().startsWith(prefix))
  )
}

function sessionResponses(
  requirement: SessionRequirement | undefined,
  { challenge, sessionExpiredStatusCode, invalidClaimStatusCode }: ErrorSettings
): Record<string, Schema> {
  if (requirement === undefined) return {}
  const unauthorised = {
    ...jsonResponse('Unauthorised, or the access token has to be refreshed', sessionErrorSchema),
    ...(challenge !== false && { headers: { 'WWW-Authenticate': { type: 'string' } } })
  }
  return {
    [sessionExpiredStatusCode]: unauthorised,
    ...(requirement.checksClaims && {
      [invalidClaimStatusCode]: jsonResponse('Invalid claim', claimErrorSchema)
    })
  }
}

/** One requirement per scheme, of which one has to be met; an empty one is met by everybody. */
function securityOf(
  requirement: SessionRequirement | undefined,
  { securitySchemes = {} }: ErrorResponsesOptions
): readonly object[] | undefined {
  const names = Object.keys(securitySchemes)
  if (requirement === undefined || names.length === 0) return undefined
  const alternatives = names.map((name) => ({ [name]: [] }))
  return requirement.isOptional ? [...alternatives, {}] : alternatives
}

/** The errors a route names in its config: by status, or as exception classes that say theirs. */
function ownResponses(own: ErrorResponses, schemas: ErrorSchemas): Record<string, Schema> {
  const responses: Record<string, Schema> = {}
  if (Array.isArray(own)) {
    for (const { openapi } of own) {
      const { status, description = reasonPhrase(status), schema } = openapi
      responses[status] = schemas.response(description, schema)
    }
    return responses
  }
  for (const [status, said] of Object.entries(own)) {
    responses[status] =
      typeof said === 'string'
        ? schemas.response(said)
        : schemas.response(reasonPhrase(Number(status)), said)
  }
  return responses
}

/** A JSON Schema, as far as it matters here. */
type Schema = Readonly<Record<string, unknown>>

/** One that others refer to. */
type SharedSchema = Schema & { readonly $id: string }

/** FastAPI's `ValidationError` and `HTTPValidationError`, as shared schemas of the app. */
const validationErrorSchema: SharedSchema = {
  $id: 'ValidationError',
  title: 'ValidationError',
  type: 'object',
  required: ['type', 'loc', 'msg'],
  properties: {
    type: { type: 'string', title: 'Error Type' },
    loc: {
      type: 'array',
      title: 'Location',
      items: { anyOf: [{ type: 'string' }, { type: 'integer' }] }
    },
    msg: { type: 'string', title: 'Message' },
    input: { title: 'Input' },
    ctx: { type: 'object', title: 'Context', additionalProperties: true }
  }
}

const httpValidationErrorSchema: SharedSchema = {
  $id: 'HTTPValidationError',
  title: 'HTTPValidationError',
  type: 'object',
  properties: {
    detail: { type: 'array', title: 'Detail', items: { $ref: 'ValidationError#' } }
  }
}

/** A body of the detail renderer. */
const detailSchema: Schema = {
  type: 'object',
  required: ['detail'],
  properties: { detail: { title: 'Detail' } }
}

/** Fastify's own form. */
const fastifySchema: Schema = {
  type: 'object',
  required: ['statusCode', 'error', 'message'],
  properties: {
    statusCode: { type: 'integer' },
    code: { type: 'string' },
    error: { type: 'string' },
    message: { type: 'string' }
  }
}

/** RFC 9457 3. */
const problemSchema: Schema = {
  type: 'object',
  required: ['type', 'title', 'status'],
  additionalProperties: true,
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', format: 'uri-reference' }
  }
}

/** The body that front ends know session errors by. */
const sessionErrorSchema: Schema = {
  type: 'object',
  required: ['message'],
  properties: { message: { type: 'string' } }
}

const claimErrorSchema: Schema = {
  type: 'object',
  required: ['message', 'claimValidationErrors'],
  properties: {
    message: { type: 'string' },
    claimValidationErrors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id'],
        properties: { id: { type: 'string' }, reason: {} }
      }
    }
  }
}
