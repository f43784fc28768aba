import type { Location } from './input.ts'

/** What a keyword's failure is called, and where below the instance it belongs. */
export interface Description {
  readonly type: string
  readonly msg: string
  readonly ctx?: Record<string, unknown>
  /** Appended to the location. */
  readonly suffix?: readonly (string | number)[]
}

/** What one part of a message failed with, in whatever form its validator says so. */
export interface FailedPart {
  /** The first segment of every location: `path`, `query`, `header`, `body` or `response`. */
  readonly prefix: string
  /** Ajv's list, or what another validator gave instead. */
  readonly problems: unknown
  /** Whether the validator is Ajv, whose keywords have sentences of their own here. */
  readonly isAjv: boolean
  /** The value that was validated. */
  readonly value: unknown
}

/** A problem with its place, before it is decided how much of it is shown. */
export interface Problem {
  readonly loc: Location
  readonly description: Description
  /** What was found there. */
  readonly value: unknown
  /** What the validator said, for messages of the app's own. */
  readonly source: unknown
}

/** An error as Ajv reports it, and validators that imitate Ajv. */
export interface AjvError {
  readonly keyword: string
  readonly instancePath: string
  readonly schemaPath?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly message?: string
  /** On errors inside `propertyNames`: the key that was looked at. */
  readonly propertyName?: string
}

/** Whether a value can be read as an Ajv error; foreign validators put other things into the list. */
export function isAjvError(value: unknown): value is AjvError {
  return (
    typeof value === 'object' &&
    value !== null &&
    'keyword' in value &&
    typeof value.keyword === 'string' &&
    'instancePath' in value &&
    typeof value.instancePath === 'string'
  )
}
