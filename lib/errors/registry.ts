import type { Failure } from './failure.ts'
import type { Entry, HandlerMaps } from './handler-maps.ts'
import { HTTPException } from './http-exception.ts'
import type { ErrorSettings } from './settings.ts'
import type { ErrorClass, ExceptionHandler, ExceptionKey } from './types.ts'

/** Handlers that had their turn in a request; each has one. */
export type Used = ReadonlySet<ExceptionHandler>

/**
 * The handlers in force in a scope, its own and the inherited ones in one table, and the settings
 * that go with them. Does not change once built.
 */
export class ExceptionTable {
  readonly settings: ErrorSettings
  readonly #maps: HandlerMaps
  /** Classes that decide by `Symbol.hasInstance` what belongs to them. */
  readonly #brands: readonly Entry[]
  readonly #http: Entry | undefined
  readonly #catchAll: Entry | undefined
  /** By prototype and weakly, so that classes made per request can be collected. */
  readonly #byPrototype = new WeakMap<object, readonly Entry[]>()

  constructor(parent: ExceptionTable | undefined, own: HandlerMaps, settings: ErrorSettings) {
    this.settings = settings
    this.#maps = parent === undefined ? own : own.over(parent.#maps)
    const classes = this.#maps.classes
    this.#brands = [...classes.values()].filter(({ key }) =>
      Object.hasOwn(key as object, Symbol.hasInstance)
    )
    this.#http = classes.get(HTTPException.prototype)
    this.#catchAll = classes.get(Error.prototype)
  }

  get(key: ExceptionKey): Entry | undefined {
    return this.#maps.get(key)
  }

  /**
   * The most specific handler that has not had its turn: session name, code, status, class, for
   * anything with a status of its own the handler of `HTTPException`, for anything else the
   * catch-all.
   *
   * @returns `undefined` when only the default is left.
   */
  find(failure: Failure, used: Used): Entry | undefined {
    const { sessions, codes, statuses } = this.#maps
    const { kind, sessionType, code, status } = failure
    return (
      (sessionType !== undefined ? unused(sessions.get(sessionType), used) : undefined) ??
      (code !== undefined ? unused(codes.get(code), used) : undefined) ??
      (kind === 'http' ? unused(statuses.get(status), used) : undefined) ??
      this.#findClass(failure, used) ??
      (kind === 'http' ? unused(this.#http, used) : undefined) ??
      (kind === 'server' ? this.#findCatchAll(used) : undefined)
    )
  }

  #findClass({ error, prototype }: Failure, used: Used): Entry | undefined {
    if (prototype === null) return undefined
    let entries = this.#byPrototype.get(prototype)
    if (entries === undefined) {
      entries = [
        ...this.#ancestry(prototype),
        ...this.#brands.filter((entry) => claims(entry, error))
      ]
      this.#byPrototype.set(prototype, entries)
    }
    for (const entry of entries) {
      const candidate = unused(entry, used)
      if (candidate !== undefined) return candidate
    }
    return undefined
  }

  /** From the error's own class up to, and without, `Error`. */
  *#ancestry(prototype: object): Generator<Entry> {
    let step: object | null = prototype
    while (step !== null && step !== Error.prototype) {
      const entry = this.#maps.classes.get(step)
      if (entry !== undefined) yield entry
      step = Object.getPrototypeOf(step)
    }
  }

  /** None while debugging: the traceback takes its place, as in Starlette. */
  #findCatchAll(used: Used): Entry | undefined {
    if (this.settings.debug !== false) return undefined
    return unused(this.#catchAll, used) ?? unused(this.#maps.statuses.get(500), used)
  }
}

function unused(entry: Entry | undefined, used: Used): Entry | undefined {
  let candidate = entry
  while (candidate !== undefined && used.has(candidate.handler)) candidate = candidate.overrides
  return candidate
}

function claims({ key }: Entry, error: Error): boolean {
  try {
    return error instanceof (key as ErrorClass)
  } catch {
    return false
  }
}
