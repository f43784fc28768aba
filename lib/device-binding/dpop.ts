import { hash } from 'node:crypto'
import type { SessionStore } from '../stores/store.ts'
import type { Challenges } from './challenges.ts'
import type { DeviceKey } from './device-key.ts'
import { type Proof, type ProofRefusal, verifyProof, verifyWith } from './proof.ts'

/** Why a proof is refused. These codes do not change. */
export type DpopRefusal =
  | ProofRefusal
  | 'method'
  | 'url'
  | 'time'
  | 'id'
  | 'replayed'
  | 'token'
  | 'nonce'
  | 'other-key'

/** What a proof has to be made for. */
export interface DpopRequest {
  readonly method: string
  /** The URL as the client knows it, without a query. */
  readonly url: string
  /** The token that came along; `null` where none did, as with a login. */
  readonly token: string | null
  /** Whether the proof has to name the token: with access tokens (RFC 9449 section 7). */
  readonly isTokenNamed: boolean
  /** The key that the token is bound to; `null` where there is none yet. */
  readonly jkt: string | null
}

/** A proof that is good, for the first time as far as this process knows. */
export interface AcceptedProof {
  /** The thumbprint of the key that signed. */
  readonly jkt: string
  readonly jti: string
  /** It is no good from here on, milliseconds since the epoch. */
  readonly endsAt: number
}

const TYPE = 'dpop+jwt'
/** How old a proof may be, and how far a client's clock may be ahead. */
const WINDOW_MS = 60_000
const MAX_ID_LENGTH = 128
/** So many proofs, and so many keys, are remembered; a proof takes about 200 bytes. */
const MAX_PROOFS = 100_000
const MAX_KEYS = 2000
/** Proofs and URLs longer than this are no honest ones. */
const MAX_URL_LENGTH = 4096

/** Checks proofs of possession (RFC 9449 section 4.3). */
export class DpopProofs {
  /** Tells other processes of a proof that was used; `undefined` where they cannot be told. */
  readonly useOnce: SessionStore['useOnce'] | undefined
  readonly #nonces: Challenges | null
  readonly #used = new RecentEntries<true>(MAX_PROOFS)
  /** By the header segment, which is the same in all proofs of a client. */
  readonly #keys = new RecentEntries<DeviceKey>(MAX_KEYS)
  #usedSinceMs = 0

  /**
   * @param nonces - Where proofs have to carry a nonce of ours (RFC 9449 section 9).
   * @param store - Where processes tell each other of proofs that were used.
   */
  constructor(nonces: Challenges | null, store: Pick<SessionStore, 'useOnce'>) {
    this.#nonces = nonces
    this.useOnce = store.useOnce
  }

  /** A nonce for the client's next proof; `null` where none is asked for. */
  newNonce(nowMs: number): string | null {
    return this.#nonces?.issue('', nowMs) ?? null
  }

  /** @returns Why the proof is refused, if it is. A proof is good once. */
  check(text: string, request: DpopRequest, nowMs: number): AcceptedProof | DpopRefusal {
    const header = text.slice(0, text.indexOf('.'))
    const known = this.#keys.get(header)
    const proof = known === undefined ? verifyProof(text, TYPE, null) : verifyWith(known, text)
    if (typeof proof === 'string') return proof
    const refusal = this.#refusalOf(proof, request, nowMs)
    if (refusal !== null) return refusal
    if (known === undefined) this.#keys.set(header, proof.key)
    const { jti, iat } = proof.claims as { jti: string; iat: number }
    // A process whose clock is behind may still accept it. `iat` may have a fraction (RFC 7519).
    return { jkt: proof.key.jkt, jti, endsAt: Math.ceil(iat * 1000) + 2 * WINDOW_MS }
  }

  #refusalOf({ key, claims }: Proof, request: DpopRequest, nowMs: number): DpopRefusal | null {
    const { jti, htm, htu, iat, ath, nonce } = claims
    if (request.jkt !== null && request.jkt !== key.jkt) return 'other-key'
    if (htm !== request.method) return 'method'
    if (typeof htu !== 'string' || !isSameUrl(htu, request.url)) return 'url'
    if (typeof iat !== 'number' || !(Math.abs(iat * 1000 - nowMs) <= WINDOW_MS)) return 'time'
    if (ath === undefined ? request.isTokenNamed : !isHashOf(ath, request.token)) return 'token'
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_ID_LENGTH) return 'id'
    if (this.#nonces !== null) {
      const issuedAt = typeof nonce === 'string' ? this.#nonces.read(nonce, '', nowMs) : 'unknown'
      if (typeof issuedAt === 'string') return 'nonce'
    }
    return this.#isFirstUse(`${key.jkt} ${jti}`, nowMs) ? null : 'replayed'
  }

  #isFirstUse(id: string, nowMs: number): boolean {
    // A proof is in time for two windows at most: what two generations hold is enough.
    if (nowMs - this.#usedSinceMs >= 2 * WINDOW_MS) {
      this.#used.age()
      this.#usedSinceMs = nowMs
    }
    if (this.#used.get(id) !== undefined) return false
    this.#used.set(id, true)
    return true
  }
}

/** A map that forgets what was not asked for since it was last half full. */
class RecentEntries<T> {
  readonly #max: number
  #young = new Map<string, T>()
  #old = new Map<string, T>()

  constructor(max: number) {
    this.#max = max
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: T): void {
    if (this.#young.size >= this.#max / 2) this.age()
    this.#young.set(key, value)
  }

  age(): void {
    this.#old = this.#young
    this.#young = new Map()
  }
}

function isHashOf(value: unknown, token: string | null): boolean {
  return token !== null && value === hash('sha256', token, 'base64url')
}

/** `.` and `..`, plain or encoded, as a part of a path; and `\`, which URLs take for a slash. */
const REWRITTEN = /\/(?:\.|%2e){1,2}(?:\/|$)|\\/i

/**
 * Compares URLs without query and fragment, after normalisation (RFC 3986 sections 6.2.2, 6.2.3). Dot
 * segments and backslashes of the one that was asked for stay: routes are found with them, and no
 * client sends them.
 */
export function isSameUrl(received: string, expected: string): boolean {
  if (received === expected) return true
  if (received.length > MAX_URL_LENGTH || !URL.canParse(received)) return false
  if (REWRITTEN.test(expected)) return false
  return normalized(received) === normalized(expected)
}

/** The URL parser takes care of case, default port and dot segments, but not of percent-encoding. */
function normalized(text: string): string {
  const { origin, pathname } = new URL(text)
  const path = pathname.replace(/%[\da-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase()
  })
  return origin + path
}
