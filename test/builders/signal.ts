export interface Signal {
  readonly promise: Promise<void>
  give(): void
}

/** Something that one part of a test waits for and another gives. */
export function signal(): Signal {
  let give = (): void => {}
  const promise = new Promise<void>((resolve) => {
    give = resolve
  })
  return { promise, give }
}
