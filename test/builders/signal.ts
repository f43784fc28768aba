export interface Signal {
  readonly promise: Promise<void>
  readonly give: () => void
}

/** Something that one part of a test waits for and another gives. */
export function signal(): Signal {
  const givers: (() => void)[] = []
  const promise = new Promise<void>((resolve) => givers.push(resolve))
  return { promise, give: () => givers[0]?.() }
}
