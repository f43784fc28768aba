/** Where in a request something is: `body` and the like, then keys and indices. */
export type Location = readonly (string | number)[]

const MAX_TEXT_LENGTH = 256

/** A text that came from the client, of a length that can be shown. */
export function shortened(text: string): string {
  return text.slice(0, MAX_TEXT_LENGTH)
}

/** A key that contains one of these holds something that must not be echoed or logged. */
const secretNames =
  /passw(or)?d|passphrase|passcode|pwd|secret|token|credential|authori[sz]ation|cookie|session|signature|(api|private|access|encryption)[-_ ]?key|card|iban|pin[-_ ]?code|(security|recovery|backup|verification)[-_ ]?code|mnemonic/i
/** These are parts of other words, too, so that they have to stand alone: `cardPin`, `cvv_code`. */
const secretWords: ReadonlySet<string> = new Set(
  'pin,cvv,cvc,csc,otp,totp,ssn,jwt,auth,pan,mfa'.split(',')
)
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
  mode: 'scalar' | 'full' | 'none',
  budget: EchoBudget
): unknown {
  if (mode === 'none' || isSecret(loc)) return undefined
  if (value === undefined) return null
  if (mode === 'full') return withoutSecrets(value, 0, budget)
  if (typeof value === 'string') return shortened(value)
  return Object(value) === value ? undefined : value
}

/** Deeper than what a schema describes; what is below is left out. */
const MAX_DEPTH = 100

/** How much may be echoed still: each problem of a large body could bring a copy of all of it. */
export class EchoBudget {
  #left = 100_000

  /** @returns Whether there was room for so many characters more. */
  spend(characters: number): boolean {
    this.#left -= characters
    return this.#left >= 0
  }
}

/** A copy without the members that are named like secrets, and without what is too much. */
function withoutSecrets(value: unknown, depth: number, budget: EchoBudget): unknown {
  const size = typeof value === 'string' ? value.length : 1
  if (depth >= MAX_DEPTH || !budget.spend(size)) return undefined
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1, budget))
  const copy: Record<string, unknown> = Object.create(null)
  for (const [name, member] of Object.entries(value)) {
    if (!budget.spend(name.length)) break
    if (!isSecretName(name)) copy[name] = withoutSecrets(member, depth + 1, budget)
  }
  return copy
}

/** Whether a place in a request holds something that must not be echoed or logged. */
export function isSecret(loc: Location): boolean {
  if (loc[0] === 'header' && secretHeaders.has(loc[1])) return true
  return loc.some((segment) => isSecretName(String(segment)))
}

function isSecretName(key: string): boolean {
  const name = shortened(key)
  if (secretNames.test(name)) return true
  const words = name.replace(/([a-z])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4').split(/[^A-Za-z]+/)
  return words.some((word) => secretWords.has(word.toLowerCase()))
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
