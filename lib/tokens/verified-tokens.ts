import type { ReceivedAccessToken } from './access-token.ts'

/**
 * The access tokens whose signature was verified, so that it is verified once and not per request.
 *
 * Holds successes only: a flood of junk evicts nothing. Keyed by the whole token.
 */
export class VerifiedTokens {
  readonly #size: number
  readonly #tokens = new Map<string, ReceivedAccessToken>()

  constructor(size: number) {
    this.#size = size
  }

  find(text: string): ReceivedAccessToken | undefined {
    return this.#tokens.get(text)
  }

  add(token: ReceivedAccessToken): void {
    if (this.#size === 0) return
    // A Map keeps the order of insertion: the oldest entry is the nearest to its expiry.
    if (this.#tokens.size >= this.#size) {
      const [oldest] = this.#tokens.keys()
      this.#tokens.delete(oldest as string)
    }
    this.#tokens.set(token.text, token)
  }
}
