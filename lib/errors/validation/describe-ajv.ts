import { type AjvError, type Description, describeUnknown, keywords } from './ajv-messages.ts'
import { type Location, locate } from './echoed-input.ts'

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

/**
 * How far around an error its relatives are looked for. Ajv lists the errors of a branch right
 * before the error that sums them up, and a hostile body may cause tens of thousands.
 */
const NEARBY = 200

/** Errors that only sum up others, and the keyword's subschemas whose errors those are. */
const summaries: Readonly<Record<string, readonly string[]>> = {
  anyOf: ['anyOf'],
  oneOf: ['oneOf'],
  if: ['then', 'else']
}

/**
 * What an Ajv error says about the value.
 *
 * @returns None for an error that only sums up others; several for one that wraps several.
 */
export function describeAjvError(
  error: AjvError,
  index: number,
  errors: readonly AjvError[],
  part: FailedPart
): Problem[] {
  const wrapped = error.params?.['errors']
  if (error.keyword === 'errorMessage' && Array.isArray(wrapped)) {
    return wrapped.map((inner: AjvError) => withMessage(describe(inner, part), error.message))
  }
  const relatives = errors.slice(Math.max(0, index - NEARBY), index + NEARBY)
  if (isSummary(error, relatives)) return []
  const problem = describe(error, part)
  const branch = branchOf(error, relatives)
  return [branch === undefined ? problem : withBranch(problem, branch)]
}

function describe(error: AjvError, part: FailedPart): Problem {
  const { path, value } = locate(part.value, error.instancePath)
  const description = isEmptyRoot(error, value)
    ? missingRoot
    : (keywords[error.keyword]?.(error.params ?? {}, value) ?? describeUnknown(error))
  const suffix =
    error.propertyName === undefined ? description.suffix : [error.propertyName, '[key]']
  const loc: Location = [part.prefix, ...path, ...(suffix ?? [])]
  return { loc, description, value: valueAt(error, part, value), source: error }
}

const missingRoot: Description = { type: 'missing', msg: 'Field required' }

/** A body that is not there at all is missing, and not of a wrong type. */
function isEmptyRoot({ keyword, instancePath }: AjvError, value: unknown): boolean {
  return keyword === 'type' && instancePath === '' && (value === undefined || value === null)
}

/** What is echoed for an error: mostly the value itself, but a key for a bad key. */
function valueAt(error: AjvError, part: FailedPart, value: unknown): unknown {
  const { keyword, params = {}, propertyName } = error
  if (propertyName !== undefined) return propertyName
  if (keyword === 'required' && error.instancePath === '' && part.prefix !== 'body') return null
  if (keyword === 'additionalProperties') return property(value, params['additionalProperty'])
  if (keyword === 'unevaluatedProperties') return property(value, params['unevaluatedProperty'])
  if (keyword === 'uniqueItems') return property(value, params['i'])
  return value
}

/** Of what is there now: a branch of a union that removes members may have been tried later. */
function property(value: unknown, key: unknown): unknown {
  return (Object(value) as Record<string, unknown>)[String(key)]
}

function isSummary(error: AjvError, relatives: readonly AjvError[]): boolean {
  if (error.keyword === 'propertyNames') {
    const name = error.params?.['propertyName']
    return relatives.some((relative) => relative.propertyName === name && relative !== error)
  }
  const subschemas = summaries[error.keyword]
  if (subschemas === undefined || Array.isArray(error.params?.['passingSchemas'])) return false
  return subschemas.some((keyword) => {
    const prefix = `${parentPath(error)}${keyword}/`
    return relatives.some((relative) => relative !== error && isBelow(relative, prefix, error))
  })
}

/** The number of the `anyOf` or `oneOf` branch that an error comes from, the innermost one. */
function branchOf(error: AjvError, relatives: readonly AjvError[]): number | undefined {
  let longest = ''
  for (const summary of relatives) {
    if (summary.keyword !== 'anyOf' && summary.keyword !== 'oneOf') continue
    const prefix = `${summary.schemaPath}/`
    if (prefix.length > longest.length && isBelow(error, prefix, summary)) longest = prefix
  }
  return longest === ''
    ? undefined
    : Number.parseInt(String(error.schemaPath).slice(longest.length), 10)
}

function isBelow(error: AjvError, schemaPrefix: string, summary: AjvError): boolean {
  return (
    error.instancePath.startsWith(summary.instancePath) &&
    error.schemaPath?.startsWith(schemaPrefix) === true
  )
}

/** `#/properties/a/if` is `#/properties/a/`. */
function parentPath({ schemaPath = '' }: AjvError): string {
  return schemaPath.slice(0, schemaPath.lastIndexOf('/') + 1)
}

function withBranch(problem: Problem, branch: number): Problem {
  const { description } = problem
  return { ...problem, description: { ...description, ctx: { ...description.ctx, branch } } }
}

function withMessage(problem: Problem, message: string | undefined): Problem {
  return { ...problem, description: { ...problem.description, msg: String(message) } }
}
