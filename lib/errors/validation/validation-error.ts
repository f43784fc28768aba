import { resumeStacks, suspendStacks } from '../http-exception.ts'

/** A part of a request that a schema can describe. */
export type RequestPart = 'body' | 'querystring' | 'params' | 'headers'

/** One thing that is wrong with a request, in FastAPI's form. */
export interface ValidationIssue {
  /** A stable slug, Pydantic's where it has one: `int_parsing`, `missing`. */
  type: string
  /** Where: `path`, `query`, `header` or `body`, then keys and array indices. */
  loc: (string | number)[]
  msg: string
  /** What was there, as far as `validation.input` allows. */
  input?: unknown
  ctx?: Record<string, unknown>
}

export interface ValidationErrorInit {
  readonly message: string
  /** Called on the first `errors()`: nobody pays for issues that no one reads. */
  readonly list: () => ValidationIssue[]
  readonly endpoint?: { readonly method: string; readonly url: string } | undefined
  readonly cause?: unknown
}

/** Data that does not satisfy its schema. */
export abstract class ValidationException extends Error {
  readonly endpoint: { readonly method: string; readonly url: string } | undefined
  readonly #list: () => ValidationIssue[]
  #issues: ValidationIssue[] | undefined

  constructor({ message, list, endpoint, cause }: ValidationErrorInit) {
    const limit = suspendStacks()
    super(message, cause === undefined ? undefined : { cause })
    resumeStacks(limit)
    this.name = new.target.name
    this.endpoint = endpoint
    this.#list = list
  }

  /** What is wrong, in FastAPI's form. A method and not an array, because loggers copy arrays. */
  errors(): ValidationIssue[] {
    this.#issues ??= this.#list()
    return this.#issues
  }

  override toString(): string {
    const lines = this.errors().map(({ loc, msg, type }) => `  ${loc.join('.')}: ${msg} [${type}]`)
    const where = this.endpoint ? `\n  endpoint: ${this.endpoint.method} ${this.endpoint.url}` : ''
    return `${this.name}: ${lines.length} validation error(s)\n${lines.join('\n')}${where}`
  }
}

export interface RequestValidationErrorInit extends ValidationErrorInit {
  readonly body: unknown
  readonly parts: readonly RequestPart[]
  readonly code?: string
}

function isIssue(value: unknown): boolean {
  const { type, loc, msg } = Object(value) as Partial<ValidationIssue>
  return typeof type === 'string' && Array.isArray(loc) && typeof msg === 'string'
}

/** What an app gives. */
function issuesInit(issues: unknown): RequestValidationErrorInit {
  if (!Array.isArray(issues) || !issues.every(isIssue))
    throw new TypeError('RequestValidationError takes a list of issues: [{ type, loc: [], msg }]')
  return {
    message: 'The request is not valid',
    list: () => [...issues],
    body: undefined,
    parts: []
  }
}

/** A request that does not satisfy its route's schema, or whose body could not be read. */
export class RequestValidationError extends ValidationException {
  readonly #body: unknown
  /** The parts with problems, in Fastify's order. */
  readonly parts: readonly RequestPart[]
  /** Fastify's code for what went wrong. */
  readonly code: string

  /**
   * @param init - A list of issues is all that an app has to give.
   * @throws TypeError It is no such list.
   */
  constructor(init: readonly ValidationIssue[] | RequestValidationErrorInit) {
    const given = 'list' in Object(init) ? (init as RequestValidationErrorInit) : issuesInit(init)
    super(given)
    this.parts = given.parts
    this.code = given.code ?? 'FST_ERR_VALIDATION'
    this.#body = given.body
  }

  /** What the validator said, as Fastify puts it on its error. */
  get validation(): unknown {
    return Object(this.cause).validation
  }

  /** The part that failed first, as Fastify names it. */
  get validationContext(): RequestPart | undefined {
    return Object(this.cause).validationContext
  }

  /** For error handlers that know nothing of this package. */
  get statusCode(): number {
    return Object(this.cause).statusCode ?? 422
  }

  /** The body as the handlers would have seen it. No own property, so that logs pass it over. */
  get body(): unknown {
    return this.#body
  }
}

/** A WebSocket route's request that does not satisfy its schema. */
export class WebSocketRequestValidationError extends ValidationException {
  readonly parts: readonly RequestPart[]

  constructor(init: ValidationErrorInit & { readonly parts: readonly RequestPart[] }) {
    super(init)
    this.parts = init.parts
  }
}

/** A reply that does not satisfy its own schema: the server's mistake, and so a 500. */
export class ResponseValidationError extends ValidationException {
  readonly #body: unknown

  constructor(init: ValidationErrorInit & { readonly body?: unknown }) {
    super(init)
    this.#body = init.body
  }

  /** What should have been sent, where it is known. */
  get body(): unknown {
    return this.#body
  }
}
