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
  /** The type of the value that was given. */
  readonly received: string

  /**
   * @param value - What was given. Only its type is kept.
   */
  constructor(option: string, expected: string, value?: unknown) {
    const received = typeName(value)
    super(`Option '${option}' must be ${expected}, received ${received}`)
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
