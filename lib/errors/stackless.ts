/**
 * Keeps the next errors from capturing a stack, which is most of what constructing one costs.
 *
 * Only for the few synchronous lines around `super()`: hand the result to `resumeStacks` right after.
 *
 * @returns The limit to restore; `undefined` where it cannot be changed (frozen intrinsics).
 */
export function suspendStacks(): number | undefined {
  const limit = Error.stackTraceLimit
  try {
    Error.stackTraceLimit = 0
    return limit
  } catch {
    return undefined
  }
}

export function resumeStacks(limit: number | undefined): void {
  if (limit !== undefined) Error.stackTraceLimit = limit
}
