import type { SigningKey } from '../keys/signing-key.ts'
import type { AccessTokenPayload } from '../session/types.ts'

/** A token that looks like ours, verified or not. */
export interface ReceivedAccessToken {
  readonly text: string
  readonly kid: string
  readonly algorithm: unknown
  /** Not to be believed before `AccessTokens.verify` has answered it. */
  readonly payload: AccessTokenPayload
  /** The key that verified this very text earlier. */
  readonly verifiedBy: SigningKey | null
}

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
