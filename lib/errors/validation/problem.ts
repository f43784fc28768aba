import type { Location } from './input.ts'
import type { Description } from './keywords.ts'

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
