import { resumeStacks, suspendStacks } from '../stackless.ts'

/**
 * What Fastify is given to say that a part of a request is invalid. Its own formatter writes every
 * problem into the message, half a megabyte for a body with twenty thousand of them.
 */
export function formatSchemaErrors(problems: readonly unknown[], part: string): Error {
  const limit = suspendStacks()
  const error = new Error(`${part} does not satisfy its schema (${problems.length} problems)`)
  resumeStacks(limit)
  return error
}
