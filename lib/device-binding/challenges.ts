import { createHmac, randomBytes } from 'node:crypto'
import { isEqualSecret } from '../keys/secrets.ts'

/** What a challenge is for. One of a kind is of no use for another. */
export type ChallengePurpose = 'registration' | 'refresh' | 'nonce'

/** When a challenge was issued, milliseconds since the epoch, or why it is refused. */
export type ReadChallenge = number | 'unknown' | 'expired'

const NONCE_BYTES = 9

/**
 * Challenges that need no memory: `<issued at>.<random>.<MAC>`, the MAC being HMAC-SHA-256 over
 * purpose, subject and all before it, as a JSON array. Every process with the same keys reads them.
 *
 * Whether one was used already is not known here: the caller compares when it was issued.
 */
export class Challenges {
  readonly #keys: readonly Buffer[]
  readonly #purpose: ChallengePurpose
  readonly #lifetimeMs: number

  /** @param keys - The first one issues, all of them read. At least one. */
  constructor(keys: readonly Buffer[], purpose: ChallengePurpose, lifetimeMs: number) {
    this.#keys = keys
    this.#purpose = purpose
    this.#lifetimeMs = lifetimeMs
  }

  /** @param subject - What it is bound to, such as the handle of a session. */
  issue(subject: string, nowMs: number): string {
    const unsigned = `${nowMs.toString(36)}.${randomBytes(NONCE_BYTES).toString('base64url')}`
    return `${unsigned}.${this.#mac(this.#keys[0] as Buffer, subject, unsigned)}`
  }

  read(text: string, subject: string, nowMs: number): ReadChallenge {
    const end = text.lastIndexOf('.')
    const [unsigned, code] = [text.slice(0, end), text.slice(end + 1)]
    if (!this.#keys.some((key) => isEqualSecret(this.#mac(key, subject, unsigned), code)))
      return 'unknown'
    const issuedAt = Number.parseInt(unsigned, 36)
    return issuedAt + this.#lifetimeMs <= nowMs ? 'expired' : issuedAt
  }

  #mac(key: Buffer, subject: string, unsigned: string): string {
    // As JSON: whatever the subject is, it cannot run into what comes behind.
    const text = JSON.stringify([this.#purpose, subject, unsigned])
    return createHmac('sha256', key).update(text).digest('base64url')
  }
}
