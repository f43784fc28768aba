import type { ReceivedAccessToken } from './access-token.ts'

/** 96 bits of a signature: no two tokens share them but by an accident that nobody can cause. */
const KEY_LENGTH = 16

/**
 * The access tokens whose signature was verified, so that it is verified once and not per request.
 *
 * Holds successes only: a flood of junk evicts nothing. Keyed by the end of the signature and
 * compared as a whole, since hashing a whole token costs more than all else that is done with it.
 */
export class VerifiedTokens {
  readonly #size: number
  readonly #tokens = new Map<string, ReceivedAccessToken>()

  constructor(size: number) {
    this.#size = size
  }

  find(text: string): ReceivedAccessToken | undefined {
    const found = this.#tokens.get(text.slice(-KEY_LENGTH))
    return found !== undefined && found.text === text ? found : undefined
  }

  add(token: ReceivedAccessToken): void {
    if (this.#size === 0) return
    // A Map keeps the order of insertion: the oldest entry is the nearest to its expiry.
    if (this.#tokens.size >= this.#size) {
      const [oldest] = this.#tokens.keys()
      this.#tokens.delete(oldest as string)
    }
    this.#tokens.set(token.text.slice(-KEY_LENGTH), token)
  }
}
