import { isPromise } from '../awaitable.ts'

/**
 * An option that registration cannot work with: unknown, of the wrong type or out of bounds.
 *
 * Names the option and what it expects, and says of what type the value was. Never holds the value:
 * options carry secrets.
 */
export class OptionsError extends TypeError {
  readonly code = 'SUPERSESSION_INVALID_OPTION'
  /** The option as the app wrote it, with a path where it is nested: `validation.maxIssues`. */
  readonly option: string
  /** What would have been right, as the end of a sentence: `an integer from 400 to 599`. */
  readonly expected: string
  /** The type of the value that was given; `undefined` where its type is not what was wrong. */
  readonly received: string | undefined

  /**
   * @param value - What was given. Only its type is kept. Left out where its type is not what was
   * wrong.
   */
  constructor(option: string, expected: string, ...value: readonly [value?: unknown]) {
    const received = value.length === 0 ? undefined : typeName(value[0])
    const end = received === undefined ? '' : `, received ${received}`
    super(`Option '${option}' must be ${expected}${end}`)
    this.name = 'OptionsError'
    this.option = option
    this.expected = expected
    this.received = received
  }
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** Checks one option: gives back the value, typed, or throws an `OptionsError`. */
export type Check<T> = (value: unknown, option: string) => T

export function oneOf<const T extends string | boolean>(...allowed: readonly T[]): Check<T> {
  const names = allowed.map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
  const expected = names.join(', ').replace(/, (?=[^,]*$)/, ' or ')
  return (value, option) => {
    const match = allowed.find((candidate) => candidate === value)
    if (match === undefined) throw new OptionsError(option, expected, value)
    return match
  }
}

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, option) => (value === undefined ? undefined : check(value, option))
}

export function integerWithin(min: number, max: number): Check<number> {
  return (value, option) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
      return value
    }
    throw new OptionsError(option, `an integer from ${min} to ${max}`, value)
  }
}

export function numberWithin(min: number, max: number): Check<number> {
  return (value, option) => {
    if (typeof value === 'number' && value >= min && value <= max) return value
    throw new OptionsError(option, `a number from ${min} to ${max}`, value)
  }
}

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant; only any stands for all functions
export function functionOf<T extends (...args: any[]) => unknown>(): Check<T> {
  return (value, option) => {
    if (typeof value === 'function') return value as T
    throw new OptionsError(option, 'a function', value)
  }
}

/**
 * A function whose answer nobody waits for. A promise is refused when it comes: taken for an answer
 * it is true, and where it fails the process ends.
 */
// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant; only any stands for all functions
export function functionAtOnce<T extends (...args: any[]) => unknown>(): Check<T> {
  return (value, option) => {
    const call = functionOf<T>()(value, option)
    const answerAtOnce = (...args: unknown[]) => {
      const answer = call(...args)
      if (!isPromise(answer)) return answer
      Promise.resolve(answer).catch(() => {})
      throw new OptionsError(`${option}()`, 'an answer that nobody has to wait for, and no promise')
    }
    return answerAtOnce as T
  }
}

/** The first check that accepts; if none does, the error of `expected`. */
export function anyOf(expected: string, ...checks: readonly Check<unknown>[]): Check<unknown> {
  return (value, option) => {
    for (const check of checks) {
      try {
        return check(value, option)
      } catch {}
    }
    throw new OptionsError(option, expected, value)
  }
}

/** A list of objects that have these functions. */
export function listOf<T>(
  what: string,
  functions: readonly (keyof T & string)[]
): Check<readonly T[]> {
  const isOne = (value: unknown) => {
    const members = Object(value) as Record<string, unknown>
    return functions.every((name) => typeof members[name] === 'function')
  }
  return (value, option) => {
    if (!Array.isArray(value)) throw new OptionsError(option, `a list of ${what}`, value)
    const wrong = value.findIndex((member) => !isOne(member))
    if (wrong === -1) return value
    throw new OptionsError(option, `a list of ${what}; its member ${wrong} is something else`)
  }
}

/** What each member of an object has to be. */
export type Checks = Readonly<Record<string, Check<unknown>>>

/** Checks the members of an object, and answers them. What is `undefined` was left out. */
export function checkMembers(
  value: unknown,
  checks: Checks,
  path: string
): Record<string, unknown> {
  checkNames(value, Object.keys(checks), path)
  const checked: Record<string, unknown> = {}
  for (const [name, check] of Object.entries(checks)) {
    const given = value[name]
    if (given !== undefined) checked[name] = check(given, within(path, name))
  }
  return checked
}

/**
 * @throws OptionsError for a value that is no plain object, or a name that is none of `known`. It
 *   names the nearest one.
 */
export function checkNames(
  value: unknown,
  known: Iterable<string>,
  path = ''
): asserts value is Record<string, unknown> {
  if (!isPlainObject(value)) throw new OptionsError(path || 'options', 'a plain object', value)
  const names = new Set(known)
  for (const name of Object.keys(value)) {
    if (!names.has(name)) {
      const nearest = nearestName(name, names)
      // The nearest name need not be the one that was meant, so it is named and not demanded.
      const others =
        nearest === undefined ? `there are ${[...names].join(', ')}` : `the nearest is '${nearest}'`
      throw new OptionsError(within(path, name), `left out: there is no such option; ${others}`)
    }
  }
}

function within(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** Others have members that `Object.keys` does not tell of, such as a promise that nobody awaited. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** The name that was probably meant: cut short, or with every third letter wrong at most. */
function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let fewest = Math.floor(name.length / 3) + 1
  for (const candidate of known) {
    const [given, whole] = [name.toLowerCase(), candidate.toLowerCase()]
    const edits = given.length > 3 && whole.startsWith(given) ? 1 : editsBetween(given, whole)
    if (edits < fewest) {
      nearest = candidate
      fewest = edits
    }
  }
  return nearest
}

/** How many letters have to be added, removed or replaced (Levenshtein distance). */
function editsBetween(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const replaced = Number(from[row - 1] !== to[column - 1])
      current[column] = Math.min(
        Number(previous[column]) + 1,
        Number(current[column - 1]) + 1,
        Number(previous[column - 1]) + replaced
      )
    }
    previous = current
  }
  return Number(previous[to.length])
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const PATTERN = /^(\d+(?:\.\d+)?)([smhd])$/

/**
 * Reads a duration: seconds as a number, or a number with a unit, `'15m'`. The bounds are in
 * seconds, inclusive. Answers milliseconds.
 *
 * A bare numeric string is refused: nobody can tell its unit.
 */
export function durationWithin(min: number, max: number): Check<number> {
  const expected = `a duration from ${min} to ${max} seconds, as a number or with a unit, such as '15m'`
  return (value, option) => {
    const seconds = typeof value === 'string' ? secondsOf(value) : value
    if (typeof seconds !== 'number' || !(seconds >= min && seconds <= max))
      throw new OptionsError(option, expected, value)
    return Math.round(seconds * 1000)
  }
}

function secondsOf(text: string): number {
  const [, amount, unit] = PATTERN.exec(text) ?? []
  return Number(amount) * (UNIT_SECONDS[unit ?? ''] ?? Number.NaN)
}
