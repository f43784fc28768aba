import { resumeStacks, suspendStacks } from './stackless.ts'

/** Stands in for something thrown that is no error: a string, `null`, a plain object. */
export class ThrownValueError extends Error {
  /** What was thrown. Not enumerable: it may hold anything, and logs copy enumerable keys. */
  declare readonly thrown: unknown

  constructor(thrown: unknown) {
    const limit = suspendStacks()
    super(`A value of type ${thrown === null ? 'null' : typeof thrown} was thrown`)
    resumeStacks(limit)
    this.name = 'ThrownValueError'
    Object.defineProperty(this, 'thrown', { value: thrown })
  }
}

/** What was thrown, or an error that stands in for it: Fastify takes `undefined` and `null` for success. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new ThrownValueError(thrown)
}
