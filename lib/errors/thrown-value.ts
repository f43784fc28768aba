import { resumeStacks, suspendStacks } from './http-exception.ts'

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

// biome-ignore lint/suspicious/noExplicitAny: hooks of every kind; only any stands for all of them
type Hook = (this: any, ...parameters: any[]) => unknown

/**
 * Makes a hook of the app's fail when it throws `undefined` or `null`.
 *
 * Fastify takes what a sync hook throws for the argument of its callback, so that nothing thrown
 * means success, and the route that the hook protects runs.
 */
export function safeHook<H extends Hook>(hook: H): H {
  const safe: Hook = function (...parameters) {
    try {
      return hook.apply(this, parameters)
    } catch (thrown) {
      throw asError(thrown)
    }
  }
  return safe as H
}
