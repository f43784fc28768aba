import type { FastifyRequest } from 'fastify'
import type { ErrorSettings } from '../options.ts'
import { type AjvError, isAjvError } from './ajv-messages.ts'
import { describeAjvError, type FailedPart, type Problem } from './describe-ajv.ts'
import {
  EchoBudget,
  echoedInput,
  isSecret,
  type Location,
  locate,
  shortened
} from './echoed-input.ts'
import type { ValidationIssue } from './validation-error.ts'

export interface IssueContext {
  readonly validation: ErrorSettings['validation']
  readonly request: FastifyRequest
}

/** All issues of all parts, in order and without repetitions, cut off at `maxIssues`. */
export function listIssues(parts: readonly FailedPart[], context: IssueContext): ValidationIssue[] {
  const { maxIssues } = context.validation
  const budget = new EchoBudget()
  const issues = new Map<string, ValidationIssue>()
  let omitted = 0
  let omittedFrom: string | undefined
  for (const part of parts) {
    const sources = sourcesOf(part.problems)
    for (const [index, source] of sources.entries()) {
      if (issues.size >= maxIssues) {
        omitted += sources.length - index
        omittedFrom ??= part.prefix
        break
      }
      for (const problem of problemsOf(source, index, sources, part)) {
        const identity = identityOf(problem)
        if (!issues.has(identity)) issues.set(identity, toIssue(problem, context, budget))
      }
    }
  }
  const list = [...issues.values()]
  return omittedFrom === undefined ? list : [...list, tooMany(omitted, omittedFrom)]
}

function sourcesOf(problems: unknown): readonly unknown[] {
  if (Array.isArray(problems)) return problems
  if (problems instanceof Error && 'details' in problems && Array.isArray(problems.details)) {
    return problems.details
  }
  return [problems]
}

function problemsOf(
  source: unknown,
  index: number,
  sources: readonly unknown[],
  part: FailedPart
): readonly Problem[] {
  if (!isAjvError(source)) return [describeForeign(source, part)]
  if (!part.isAjv) return [describeImitation(source, part)]
  return describeAjvError(source, index, sources as readonly AjvError[], part)
}

/** Two branches of a union may fail alike in one place; otherwise place and type say it all. */
function identityOf({ loc, description }: Problem): string {
  return JSON.stringify([loc, description.type, description.ctx?.['branch']])
}

function toIssue(
  problem: Problem,
  { validation, request }: IssueContext,
  budget: EchoBudget
): ValidationIssue {
  const { loc, description, source } = problem
  const { type, msg, ctx } = shownDescription(problem, validation)
  // Keys come from the client, too.
  const shownLoc = loc.map((key) => (typeof key === 'string' ? shortened(key) : key))
  const issue: ValidationIssue = { type, loc: shownLoc, msg }
  const input = echoedInput(problem.value, loc, validation.input, budget)
  if (input !== undefined) issue.input = input
  if (ctx !== undefined) issue.ctx = ctx
  if (validation.messages === 'ajv') {
    issue.msg = (source as Partial<AjvError>).message ?? description.msg
  } else if (typeof validation.messages === 'function') {
    issue.msg = validation.messages(issue, source, request)
  }
  return issue
}

/** Without what is to stay here: patterns, and values of secrets, whether expected or found. */
function shownDescription(
  { description, loc }: Problem,
  { showPattern, input }: IssueContext['validation']
): Problem['description'] {
  const { type, ctx } = description
  switch (type) {
    case 'string_pattern_mismatch':
      return showPattern ? description : { type, msg: 'String should match the required pattern' }
    case 'enum':
    case 'literal_error':
      return isSecret(loc) ? { type, msg: 'Input should be an expected value' } : description
    case 'union_tag_invalid': {
      const { discriminator } = ctx as { discriminator: string }
      if (input !== 'none' && !isSecret([...loc, discriminator])) return description
      const msg = `Input tag found using '${discriminator}' does not match any of the expected tags`
      return { type, msg, ctx: { discriminator } }
    }
    default:
      return description
  }
}

function tooMany(omitted: number, prefix: string): ValidationIssue {
  return {
    type: 'too_many_errors',
    loc: [prefix],
    msg: `${omitted} more errors omitted`,
    ctx: { omitted }
  }
}

/** An error in Ajv's form from another validator (zod's provider): its keyword is the type. */
function describeImitation(error: AjvError, part: FailedPart): Problem {
  const { path, value } = locate(part.value, error.instancePath)
  const loc = [part.prefix, ...path]
  const msg = shownText(error.message ?? 'Invalid input', loc)
  return { loc, description: { type: error.keyword, msg }, value, source: error }
}

/** Other validators quote the value in their sentences. */
function shownText(msg: string, loc: Location): string {
  return isSecret(loc) ? 'Invalid input' : msg
}

/** One of Joi's details, or the error of a validator nothing is known about. */
function describeForeign(source: unknown, part: FailedPart): Problem {
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
  const loc = [part.prefix, ...path]
  return {
    loc,
    description: {
      type: typeof type === 'string' ? type : 'value_error',
      msg: shownText(msg, loc)
    },
    value,
    source
  }
}
