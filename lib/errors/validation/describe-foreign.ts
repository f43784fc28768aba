import type { AjvError } from './ajv-error.ts'
import { locate } from './input.ts'
import type { FailedPart, Problem } from './problem.ts'

/** An error in Ajv's form from another validator (zod's provider): its keyword is the type. */
export function describeImitation(error: AjvError, part: FailedPart): Problem {
  const { path, value } = locate(part.value, error.instancePath)
  const description = { type: error.keyword, msg: error.message ?? 'Invalid input' }
  return { loc: [part.prefix, ...path], description, value, source: error }
}

/** One of Joi's details, or the error of a validator nothing is known about. */
export function describeForeign(source: unknown, part: FailedPart): Problem {
  const { path, type, message } = Object(source) as Readonly<Record<string, unknown>>
  const msg = typeof message === 'string' ? message : 'Invalid input'
  if (!Array.isArray(path)) {
    const description = { type: 'value_error', msg: `Value error, ${msg}` }
    return { loc: [part.prefix], description, value: part.value, source }
  }
  const pointer = path
    .map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')
  const { value } = locate(part.value, pointer)
  const description = { type: typeof type === 'string' ? type : 'value_error', msg }
  return { loc: [part.prefix, ...path], description, value, source }
}
