import type { VerificationKey } from '../keys/jwt-keys.ts'
import type { AccessToken } from '../session/types.ts'

/** 96 bits of a signature: no two tokens share them but by an accident that nobody can cause. */
const KEY_LENGTH = 16
/** What an entry weighs besides its text, and how often the text weighs: as it stands, and read. */
const BYTES_PER_ENTRY = 300
const BYTES_PER_CHARACTER = 1.5

/** An access token with the key that verified it. */
export interface VerifiedToken extends AccessToken {
  readonly key: VerificationKey
}

interface Entry extends VerifiedToken {
  isUsed: boolean
}

/** Of the tokens that come back to a full cache one of so many is given a place. */
const RETURNS_PER_PLACE = 16
/** So many used tokens stay when room is made for one, so that nobody waits for a long search. */
const MAX_SPARED = 100

/**
 * The access tokens whose signature was verified, so that it is verified once and not per request.
 *
 * Holds successes only: a flood of junk evicts nothing. Keyed by the end of the signature and
 * compared as a whole, since hashing a whole token costs more than all else that is done with it.
 *
 * A queue with a second chance: the oldest token goes, unless it was used since it was queued, which
 * puts it at the end once more. A hit costs no more than that mark.
 */
export class VerifiedTokens {
  readonly #maxBytes: number
  readonly #byEnd = new Map<string, Entry>()
  #queue: Entry[] = []
  #first = 0
  #bytes = 0
  #returns = 0

  /** @param maxBytes - How much memory the tokens take, about. 0 remembers none. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  find(text: string): VerifiedToken | undefined {
    const entry = this.#byEnd.get(text.slice(-KEY_LENGTH))
    if (entry === undefined || entry.text !== text) return undefined
    entry.isUsed = true
    return entry
  }

  /**
   * Keeps an object of its own, and not the token that it is given. V8 makes objects where most of
   * their kind end up: were those that stay and those that go one kind, those that go would take what
   * they point to along, to where only a full collection finds it.
   */
  add({ text, payload }: AccessToken, key: VerificationKey): void {
    const bytes = weightOf(text)
    if (bytes > this.#maxBytes) return
    while (this.#bytes + bytes > this.#maxBytes) this.#evict()
    const entry = { text: copyOf(text), payload, key, isUsed: false }
    // Another key may have verified it before; that entry leaves with its turn. Cut out of the copy:
    // what is cut out of a text holds on to it.
    this.#byEnd.set(entry.text.slice(-KEY_LENGTH), entry)
    this.#queue.push(entry)
    this.#bytes += bytes
  }

  /**
   * Adds a token that was here before. Where not all of them have room most stay out: each would
   * leave again before it is used, and to move it in and out costs more than to check it once more.
   */
  addAgain(token: AccessToken, key: VerificationKey): void {
    const isFull = this.#bytes + weightOf(token.text) > this.#maxBytes
    if (!isFull || ++this.#returns % RETURNS_PER_PLACE === 0) this.add(token, key)
  }

  #evict(): void {
    let entry = this.#shift()
    for (let spared = 0; entry.isUsed && spared < MAX_SPARED; spared++) {
      entry.isUsed = false
      this.#queue.push(entry)
      entry = this.#shift()
    }
    this.#bytes -= weightOf(entry.text)
    const end = entry.text.slice(-KEY_LENGTH)
    if (this.#byEnd.get(end) === entry) this.#byEnd.delete(end)
  }

  #shift(): Entry {
    const entry = this.#queue[this.#first++] as Entry
    // Not for each: to move a long queue up takes long.
    if (this.#first > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#first)
      this.#first = 0
    }
    return entry
  }
}

/** V8 keeps all of a header that a string was cut out of, and with it every other cookie. */
function copyOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function weightOf(text: string): number {
  return BYTES_PER_ENTRY + BYTES_PER_CHARACTER * text.length
}

/** Of a digest 128 bits are kept: nobody finds another text that shares them. */
const WORDS_PER_DIGEST = 4
/** A digest has its place in one of so many neighbours. */
const DIGESTS_PER_BUCKET = 16
const BYTES_PER_BUCKET = 4 * WORDS_PER_DIGEST * DIGESTS_PER_BUCKET

/**
 * Digests of access tokens whose signature was verified. They take a hundredth of what a token takes,
 * and comparing one costs a tenth of what a signature costs.
 *
 * Holds successes only, too. In a full bucket the oldest one goes.
 */
export class VerifiedDigests {
  readonly #words: Uint32Array
  readonly #buckets: number

  /** @param bytes - How much memory the digests take. */
  constructor(bytes: number) {
    this.#buckets = Math.floor(bytes / BYTES_PER_BUCKET)
    this.#words = new Uint32Array((this.#buckets * BYTES_PER_BUCKET) / 4)
  }

  has(digest: Buffer): boolean {
    const words = this.#words
    const start = this.#startOf(digest)
    const end = start + BYTES_PER_BUCKET / 4
    for (let at = start; at < end; at += WORDS_PER_DIGEST)
      if (
        words[at] === digest.readUInt32LE(0) &&
        words[at + 1] === digest.readUInt32LE(4) &&
        words[at + 2] === digest.readUInt32LE(8) &&
        words[at + 3] === digest.readUInt32LE(12)
      )
        return true
    return false
  }

  add(digest: Buffer): void {
    if (this.#buckets === 0) return
    const start = this.#startOf(digest)
    const last = start + WORDS_PER_DIGEST * (DIGESTS_PER_BUCKET - 1)
    this.#words.copyWithin(start + WORDS_PER_DIGEST, start, last)
    for (let word = 0; word < WORDS_PER_DIGEST; word++)
      this.#words[start + word] = digest.readUInt32LE(4 * word)
  }

  /** By other bits than those that are kept. */
  #startOf(digest: Buffer): number {
    return ((digest.readUInt32LE(16) % this.#buckets) * BYTES_PER_BUCKET) / 4
  }
}
