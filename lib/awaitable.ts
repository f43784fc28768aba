/** A value, or a promise of it. What can answer at once does, and costs no promise. */
export type Awaitable<T> = T | Promise<T>

/** Whether a value has to be waited for. What is there at once goes on without a promise. */
export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}
