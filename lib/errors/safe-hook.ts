import { asError } from './thrown-value-error.ts'

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
