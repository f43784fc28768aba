import { STATUS_CODES } from 'node:http'

/** Header names and values as an exception carries them. Names are compared without case. */
export type HeaderBag = Readonly<Record<string, string | number | readonly string[]>>

/** What an exception has besides its status and detail. */
export interface ExceptionInit {
  /** Put on the reply whichever handler answers. Invalid ones are dropped and logged by name. */
  readonly headers?: HeaderBag | undefined
  /** What led to it. For the log; never on the wire. */
  readonly cause?: unknown
  /** A stable name that handlers can be registered for. */
  readonly code?: string | undefined
  /**
   * Whether to capture a stack, which is most of what an exception costs.
   * @defaultValue only for statuses from 500 on
   */
  readonly stack?: boolean | undefined
}

const brand = Symbol.for('fastify-supersession.HTTPException')

/**
 * An answer to the client, thrown from wherever it becomes known.
 *
 * Does not write the reply; the handler in force does, by default with `{"detail": detail}`.
 */
export class HTTPException<S extends number = number, D = unknown> extends Error {
  /** Which statuses capture a stack when `init.stack` does not say. */
  static captureStack: 'all' | 'server' | 'none' = 'server'

  readonly statusCode: S
  readonly code: string | undefined
  readonly #detail: D | string
  readonly #headers: HeaderBag | undefined

  /**
   * @param statusCode - An integer from 200 to 599.
   * @param detail - What the client gets to know. Left out, it is the reason phrase; `null` stays `null`.
   * @throws RangeError for any other status. TypeError for a name that `init` does not have, and for
   * headers that are no object of names and values.
   */
  constructor(statusCode: S, detail?: D, init?: ExceptionInit) {
    const status = checkedStatus(statusCode, 'HTTPException')
    if (init !== undefined) checkInit(init)
    const shown = detail === undefined ? reasonPhrase(status) : detail
    const message = typeof shown === 'string' ? shown : reasonPhrase(status)
    const limit = (init?.stack ?? capturesStack(status)) ? undefined : suspendStacks()
    super(message, init?.cause === undefined ? undefined : { cause: init.cause })
    resumeStacks(limit)
    this.name = new.target.name
    this.statusCode = statusCode
    this.code = init?.code
    this.#detail = shown
    this.#headers = init?.headers ? frozenCopy(init.headers) : undefined
  }

  /** Any value; what JSON cannot hold is approximated. No own property, so that logs pass it over. */
  get detail(): D | string {
    return this.#detail
  }

  /** As `statusCode`, under the name that error handlers of other frameworks read. */
  get status(): S {
    return this.statusCode
  }

  /** Whether the message may be sent, for error handlers that know nothing of this package. */
  get expose(): boolean {
    return this.statusCode < 500
  }

  /** A frozen copy with lower-case names. */
  get headers(): HeaderBag | undefined {
    return this.#headers
  }

  /** True for an exception of any copy of this package. */
  static isHTTPException(value: unknown): value is HTTPException {
    return value instanceof Error && brand in value
  }

  override toString(): string {
    return `${this.name} [${this.statusCode}]: ${this.message}`
  }

  /** What `JSON.stringify` makes of it: nothing that is for the log alone. */
  toJSON(): { statusCode: S; detail: D | string; code?: string } {
    const { statusCode, detail, code } = this
    return code === undefined ? { statusCode, detail } : { statusCode, detail, code }
  }
}

Object.defineProperty(HTTPException.prototype, brand, { value: true })

/** A subclass is told by its prototype as usual, the class itself by its brand. */
Object.defineProperty(HTTPException, Symbol.hasInstance, {
  value: function hasInstance(this: unknown, value: unknown): boolean {
    if (this === HTTPException) return HTTPException.isHTTPException(value)
    return Function.prototype[Symbol.hasInstance].call(this, value)
  }
})

/**
 * 1xx is refused as well: as a final status it leaves HTTP/1.1 clients waiting.
 *
 * @throws RangeError It is no status of a reply.
 */
export function checkedStatus(status: number, owner: string): number {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status
  throw new RangeError(`The status of an ${owner} must be an integer from 200 to 599`)
}

const initNames: ReadonlySet<string> = new Set(['headers', 'cause', 'code', 'stack'])

/** Headers that stand in the place of `init` would be lost without a word. */
function checkInit(init: ExceptionInit): void {
  for (const name in init)
    if (!initNames.has(name))
      throw new TypeError(
        `HTTPException does not take '${name}': its third argument is { headers, cause, code, stack }, and headers go into headers`
      )
  checkHeaders(init.headers, 'HTTPException')
}

/** @throws TypeError They are `Headers`, a `Map`, a list or a text, which would be read as nothing. */
export function checkHeaders(headers: unknown, owner: string): void {
  if (headers === undefined || headers === null) return
  if (typeof headers !== 'object' || Symbol.iterator in headers)
    throw new TypeError(`The headers of an ${owner} must be an object of names and values`)
}

function capturesStack(status: number): boolean {
  const { captureStack } = HTTPException
  return captureStack === 'all' || (captureStack === 'server' && status >= 500)
}

/** Without a prototype, so that a header called `__proto__` is a key like any other. */
function frozenCopy(headers: HeaderBag): HeaderBag {
  const copy = Object.create(null)
  for (const [name, value] of Object.entries(headers)) copy[name.toLowerCase()] = value
  return Object.freeze(copy)
}

/** The reason phrase of a status, as the running Node knows it; 'Error' for one it does not. */
export function reasonPhrase(status: number): string {
  return STATUS_CODES[status] ?? 'Error'
}

/** The store did not answer. Says nothing about the session, which is why no token is touched. */
export class StoreUnavailableError extends HTTPException<503, string> {
  /**
   * @param options - `cause`, and `retryAfterSeconds`: what the client is told to wait; 1 by default.
   */
  constructor({
    cause,
    retryAfterSeconds = 1
  }: { cause?: unknown; retryAfterSeconds?: number } = {}) {
    super(503, 'Service Unavailable', {
      cause,
      code: 'SUPERSESSION_STORE_UNAVAILABLE',
      headers: { 'retry-after': retryAfterSeconds }
    })
  }
}

/**
 * Keeps the next errors from capturing a stack, which is most of what constructing one costs.
 *
 * Only for the few synchronous lines around `super()`: hand the result to `resumeStacks` right after.
 *
 * @returns The limit to restore; `undefined` where it cannot be changed (frozen intrinsics).
 */
export function suspendStacks(): number | undefined {
  const limit = Error.stackTraceLimit
  try {
    Error.stackTraceLimit = 0
    return limit
  } catch {
    return undefined
  }
}

export function resumeStacks(limit: number | undefined): void {
  if (limit !== undefined) Error.stackTraceLimit = limit
}
