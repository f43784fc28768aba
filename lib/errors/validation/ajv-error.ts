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
