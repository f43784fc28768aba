import { errorCodes, type FastifyInstance } from 'fastify'
import { OptionsError } from '../options/checks.ts'
import { HTTPException } from './http-exception.ts'
import type { ErrorSettings } from './options.ts'
import { SESSION_ERROR_NAMES } from './session-errors.ts'
import type {
  ErrorClass,
  ErrorForKey,
  ExceptionHandler,
  ExceptionKey,
  HandlerEntry,
  HandlerTable,
  NormalizedError
} from './types.ts'
import { RequestValidationError } from './validation/validation-error.ts'

const messages = {
  SUPERSESSION_HANDLERS_FROZEN: 'Exception handlers can only be set before the app is ready',
  SUPERSESSION_DUPLICATE_HANDLER:
    'This scope has a handler for the key already; pass { override: true } to replace it',
  SUPERSESSION_ERRORS_ALREADY_REGISTERED:
    'The errors plugin is registered in this scope already; pass its options there, or register it in a child',
  SUPERSESSION_DEBUG_IN_PRODUCTION:
    "The debug page shows source code: debug: true needs NODE_ENV=development or test; 'force' does without"
} as const

/** A mistake in setting up handlers, found at start. */
export class ExceptionRegistryError extends Error {
  readonly code: keyof typeof messages

  constructor(code: keyof typeof messages, subject?: string) {
    super(subject === undefined ? messages[code] : `${messages[code]} (${subject})`)
    this.name = 'ExceptionRegistryError'
    this.code = code
  }
}

/** A handler with what it was registered for and by whom. */
export interface Entry {
  readonly key: ExceptionKey
  readonly handler: ExceptionHandler
  /** The instance that registered it, which is `this` in the handler. */
  readonly owner: FastifyInstance
  /** The handler of the same key further up, which is next in line. */
  readonly overrides: Entry | undefined
}

/** Pairs a key with its handler, whose error argument is inferred from the key. */
export function on<const K extends ExceptionKey>(
  key: K,
  handler: ExceptionHandler<ErrorForKey<K>>
): HandlerEntry {
  return [key, handler]
}

/**
 * The handlers of one scope, by kind of key.
 *
 * Classes are kept by their prototype: it is what an error's prototype chain holds, and a
 * `constructor` property can be forged.
 */
export class HandlerMaps {
  readonly sessions: Map<string, Entry> = new Map()
  readonly codes: Map<string, Entry> = new Map()
  readonly statuses: Map<number, Entry> = new Map()
  readonly classes: Map<object, Entry> = new Map()

  get(key: ExceptionKey): Entry | undefined {
    const { map, id } = this.#slot(key)
    return map.get(id)
  }

  /**
   * @throws ExceptionRegistryError (`SUPERSESSION_DUPLICATE_HANDLER`) for a key that is set, unless
   * `override`.
   */
  set(entry: Entry, override = false): void {
    const { map, id } = this.#slot(entry.key)
    if (typeof entry.handler !== 'function') {
      throw new OptionsError('handler', 'a function', entry.handler)
    }
    if (map.has(id) && !override) {
      throw new ExceptionRegistryError('SUPERSESSION_DUPLICATE_HANDLER', keyName(entry.key))
    }
    map.set(id, entry)
  }

  /** Sets every handler of a table as the app writes it. */
  setAll(table: HandlerTable, owner: FastifyInstance): void {
    for (const entry of entriesOf(table)) {
      if (!Array.isArray(entry)) throw new OptionsError('exceptionHandlers', LIST, entry)
      const [key, handler] = entry
      this.set({ key, handler, owner, overrides: undefined })
    }
  }

  /** A copy of `parent` with these handlers laid over it. */
  over(parent: HandlerMaps): HandlerMaps {
    const merged = new HandlerMaps()
    overlay(merged.sessions, parent.sessions, this.sessions)
    overlay(merged.codes, parent.codes, this.codes)
    overlay(merged.statuses, parent.statuses, this.statuses)
    overlay(merged.classes, parent.classes, this.classes)
    return merged
  }

  #slot(key: ExceptionKey): { map: Map<unknown, Entry>; id: unknown } {
    if (isValidationAlias(key)) return { map: this.classes, id: RequestValidationError.prototype }
    if (isClass(key)) {
      if (!isErrorClass(key))
        throw new OptionsError(
          'key',
          'a class that extends Error: nothing else is thrown on purpose',
          key
        )
      return { map: this.classes, id: key.prototype }
    }
    if (typeof key === 'string' && key !== '') {
      return { map: SESSION_ERROR_NAMES.has(key) ? this.sessions : this.codes, id: key }
    }
    if (typeof key === 'number' && Number.isInteger(key) && key >= 200 && key <= 599) {
      return { map: this.statuses, id: key }
    }
    throw new OptionsError('key', 'a class, a status from 200 to 599, or a name', key)
  }
}

const LIST = 'a list of on(key, handler), or a record'

/** How a key is called in logs and messages. */
export function keyName(key: ExceptionKey): string {
  return typeof key === 'function' ? key.name : String(key)
}

/** The entries of a handler table in either form. */
export function entriesOf(table: HandlerTable): Iterable<HandlerEntry> {
  const isIterable = typeof table === 'object' && table !== null && Symbol.iterator in table
  // A generator's list can be read once, and that of a route is read at start and at its first error.
  const isReadOnce = isIterable && Object.is(table[Symbol.iterator](), table)
  if (typeof table !== 'object' || table === null || isReadOnce) {
    throw new OptionsError('exceptionHandlers', LIST, table)
  }
  if (isIterable) return table
  return Object.entries(table).map(([name, handler]) => {
    const status = Number(name)
    if (!SESSION_ERROR_NAMES.has(name) && !Number.isInteger(status))
      throw new OptionsError(
        `exceptionHandlers.${name}`,
        'a status or the name of a session error; classes and codes go into a list of on(key, handler)'
      )
    return [Number.isInteger(status) ? status : name, handler as ExceptionHandler]
  })
}

/** The error Fastify throws is a plain one with this code, and no instance of the class. */
function isValidationAlias(key: ExceptionKey): boolean {
  return key === 'FST_ERR_VALIDATION' || key === errorCodes.FST_ERR_VALIDATION
}

function isClass(key: unknown): key is ErrorClass {
  return typeof key === 'function' && typeof key.prototype === 'object' && key.prototype !== null
}

/** Errors, and classes that decide by `Symbol.hasInstance` what belongs to them. */
function isErrorClass(key: ErrorClass): boolean {
  return (
    key.prototype === Error.prototype ||
    key.prototype instanceof Error ||
    Object.hasOwn(key, Symbol.hasInstance)
  )
}

function overlay<I>(
  merged: Map<I, Entry>,
  parent: ReadonlyMap<I, Entry>,
  own: ReadonlyMap<I, Entry>
): void {
  for (const [id, entry] of parent) merged.set(id, entry)
  for (const [id, entry] of own) merged.set(id, { ...entry, overrides: parent.get(id) })
}

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
  find(normalized: NormalizedError, used: Used): Entry | undefined {
    const { sessions, codes, statuses } = this.#maps
    const { kind, sessionType, code, status } = normalized
    return (
      (sessionType !== undefined ? unused(sessions.get(sessionType), used) : undefined) ??
      (code !== undefined ? unused(codes.get(code), used) : undefined) ??
      (kind === 'http' || (kind === 'server' && status !== 500)
        ? unused(statuses.get(status), used)
        : undefined) ??
      this.#findClass(normalized, used) ??
      (kind === 'http' ? unused(this.#http, used) : undefined) ??
      (kind === 'server' ? this.#findCatchAll(used) : undefined)
    )
  }

  #findClass({ error, prototype }: NormalizedError, used: Used): Entry | undefined {
    if (prototype === null) return undefined
    let entries = this.#byPrototype.get(prototype)
    if (entries === undefined) {
      entries = [...this.#ancestry(prototype)]
      this.#byPrototype.set(prototype, entries)
    }
    for (const entry of entries) {
      const candidate = unused(entry, used)
      if (candidate !== undefined) return candidate
    }
    // These decide by the error, and not by its class.
    for (const entry of this.#brands) {
      const candidate = unused(entry, used)
      if (candidate !== undefined && isInstance(error, entry)) return candidate
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

/** `Symbol.hasInstance` is the app's code, and may throw. */
function isInstance(error: Error, { key }: Entry): boolean {
  try {
    return error instanceof (key as ErrorClass)
  } catch {
    return false
  }
}
