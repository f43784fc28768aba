import type { VerificationKey } from '../keys/verification-key.ts'
import type { AccessToken } from '../session/types.ts'

/** 96 bits of a signature: no two tokens share them but by an accident that nobody can cause. */
const KEY_LENGTH = 16
/** What an entry weighs besides its text, and how often the text weighs: as it stands, and read. */
const BYTES_PER_ENTRY = 500
const BYTES_PER_CHARACTER = 2

/** An access token with the key that verified it. */
export interface VerifiedToken extends AccessToken {
  readonly key: VerificationKey
}

/**
 * The access tokens whose signature was verified, so that it is verified once and not per request.
 *
 * Holds successes only: a flood of junk evicts nothing. Keyed by the end of the signature and
 * compared as a whole, since hashing a whole token costs more than all else that is done with it.
 *
 * Two generations of half the size each: what is found in the old one moves to the young one, and
 * once that is full it takes the old one's place. So what is used stays, and what is not is dropped
 * at no cost for each.
 */
export class VerifiedTokens {
  readonly #maxBytes: number
  #young = new Map<string, VerifiedToken>()
  #old = new Map<string, VerifiedToken>()
  #youngBytes = 0

  /** @param maxBytes - How much memory the tokens take, about. 0 remembers none. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  find(text: string): VerifiedToken | undefined {
    const key = text.slice(-KEY_LENGTH)
    const young = this.#young.get(key)
    if (young !== undefined) return young.text === text ? young : undefined
    const old = this.#old.get(key)
    if (old === undefined || old.text !== text) return undefined
    this.add(old)
    return old
  }

  add(token: VerifiedToken): void {
    const bytes = BYTES_PER_ENTRY + BYTES_PER_CHARACTER * token.text.length
    if (this.#youngBytes + bytes > this.#maxBytes / 2) {
      if (bytes > this.#maxBytes / 2) return
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#youngBytes += bytes
    this.#young.set(token.text.slice(-KEY_LENGTH), token)
  }
}
