import { reasonPhrase } from './reason-phrase.ts'
import { resumeStacks, suspendStacks } from './stackless.ts'
import type { ExceptionInit, HeaderBag } from './types.ts'

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
   * @throws RangeError for any other status.
   */
  constructor(statusCode: S, detail?: D, init?: ExceptionInit) {
    const status = checkedStatus(statusCode)
    const shown = detail === undefined ? reasonPhrase(status) : detail
    const message = typeof shown === 'string' ? shown : reasonPhrase(status)
    const limit = (init?.stack ?? capturesStack(status)) ? undefined : suspendStacks()
    super(message, init?.cause === undefined ? undefined : { cause: init.cause })
    resumeStacks(limit)
    this.name = new.target.name
    this.statusCode = statusCode
    this.code = init?.code
    this.#detail = shown
    this.#headers = init?.headers && frozenCopy(init.headers)
  }

  /** Any value; what JSON cannot hold is approximated. No own property, so that logs pass it over. */
  get detail(): D | string {
    return this.#detail
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

/** 1xx is refused as well: as a final status it leaves HTTP/1.1 clients waiting. */
function checkedStatus(status: number): number {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status
  throw new RangeError('The status of an HTTPException must be an integer from 200 to 599')
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
