/** Where in a request something is: `body` and the like, then keys and indices. */
export type Location = readonly (string | number)[]

const maxTextLength = 256

/** A key that contains one of these holds something that must not be echoed or logged. */
const secretNames = /passw(or)?d|pwd|secret|token|api[-_ ]?key|otp|ssn|card/i
const secretHeaders: ReadonlySet<unknown> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization'
])

/**
 * What of an offending value is echoed to the client.
 *
 * @returns `undefined` for nothing: not allowed, a container, or a field named like a secret.
 */
export function echoedInput(
  value: unknown,
  loc: Location,
  mode: 'scalar' | 'full' | 'none'
): unknown {
  if (mode === 'none' || isSecret(loc)) return undefined
  if (value === undefined) return null
  if (mode === 'full') return value
  if (typeof value === 'string') return value.slice(0, maxTextLength)
  return Object(value) === value ? undefined : value
}

function isSecret(loc: Location): boolean {
  if (loc[0] === 'header' && secretHeaders.has(loc[1])) return true
  return loc.some((segment) => secretNames.test(String(segment)))
}

/** Follows a JSON pointer; a segment is a number only where the value it indexes is an array. */
export function locate(
  root: unknown,
  pointer: string
): { path: (string | number)[]; value: unknown } {
  const path: (string | number)[] = []
  let value = root
  for (const segment of pointer.split('/').slice(1)) {
    const key = segment.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(value) ? Number(key) : key)
    value = Object(value) === value ? (value as Record<string, unknown>)[key] : undefined
  }
  return { path, value }
}
