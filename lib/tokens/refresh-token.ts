import { createHmac, hash, randomBytes } from 'node:crypto'
import { isEqualSecret } from '../keys/secrets.ts'

/** A refresh token that was issued by us. */
export interface RefreshToken {
  /** Opaque to the client: base64url and dots, under 512 characters. */
  readonly text: string
  /** `H1`: SHA-256 of the text in hex. Tells a token apart without letting anybody present it. */
  readonly hash: string
  readonly handle: string
  /** `H1` of the refresh token that this one was exchanged for; `null` for a session's first. */
  readonly parentHash: string | null
  /** Has to come back in the `anti-csrf` header; `null` where that is not used. */
  readonly antiCsrfToken: string | null
}

const VERSION = 'v1'
/** Our own are under 400; anything much longer is not worth a MAC. */
const MAX_LENGTH = 1024

/** `H1` of the session protocol. */
export function hashRefreshToken(text: string): string {
  return hash('sha256', text)
}

/**
 * Issues refresh tokens and reads them back.
 *
 * The text is `v1.<facts>.<MAC>`, the facts being base64url JSON and the MAC HMAC-SHA-256 over all
 * before it (RFC 2104): what reads back is what we wrote. Lifetime is the record's, not the token's.
 */
export class RefreshTokens {
  readonly #keys: readonly Buffer[]
  readonly #newest: Buffer

  /** @param keys - Newest first: the first one issues, all of them read. */
  constructor(keys: readonly [Buffer, ...Buffer[]]) {
    this.#keys = keys
    this.#newest = keys[0]
  }

  /** The first token of a session. */
  issueFirst(handle: string, { withAntiCsrf }: { withAntiCsrf: boolean }): RefreshToken {
    return this.#issue(handle, randomBytes(32), null, withAntiCsrf)
  }

  /**
   * A token for whoever holds `parent`.
   *
   * Derived from the parent's text and a nonce with our key, so that two tabs, a retry and a
   * duplicate get one and the same, and nobody gets it who does not hold the parent.
   */
  issueChild(
    parent: RefreshToken,
    child: { nonce: string; parentHash: string; withAntiCsrf: boolean }
  ): RefreshToken {
    const seed = this.#mac(this.#newest, `child ${child.nonce} ${parent.text}`)
    return this.#issue(parent.handle, seed, child.parentHash, child.withAntiCsrf)
  }

  /** Reads a token; `null` for whatever we did not issue. Does not look at any record. */
  read(text: string): RefreshToken | null {
    if (text.length > MAX_LENGTH) return null
    const [version, facts, mac, ...rest] = text.split('.')
    if (version !== VERSION || facts === undefined || mac === undefined || rest.length > 0)
      return null
    const isOurs = this.#keys.some((key) =>
      isEqualSecret(this.#mac(key, `${VERSION}.${facts}`).toString('base64url'), mac)
    )
    if (!isOurs) return null
    // Behind the MAC: nobody but us can have written this.
    const [handle, , parentHash, antiCsrfToken] = JSON.parse(
      Buffer.from(facts, 'base64url').toString()
    ) as Facts
    return { text, hash: hashRefreshToken(text), handle, parentHash, antiCsrfToken }
  }

  /** @param seed - 32 bytes that nobody can guess; neither half tells anything of the other. */
  #issue(
    handle: string,
    seed: Buffer,
    parentHash: string | null,
    withAntiCsrf: boolean
  ): RefreshToken {
    const id = seed.toString('base64url', 0, 16)
    const antiCsrfToken = withAntiCsrf ? toUuid(seed.subarray(16)) : null
    const facts: Facts = [handle, id, parentHash, antiCsrfToken]
    const unsigned = `${VERSION}.${Buffer.from(JSON.stringify(facts)).toString('base64url')}`
    const text = `${unsigned}.${this.#mac(this.#newest, unsigned).toString('base64url')}`
    return { text, hash: hashRefreshToken(text), handle, parentHash, antiCsrfToken }
  }

  #mac(key: Buffer, text: string): Buffer {
    return createHmac('sha256', key).update(text).digest()
  }
}

/** Handle, what makes the token unlike any other, parent hash, anti-CSRF token. */
type Facts = [handle: string, id: string, parentHash: string | null, antiCsrfToken: string | null]

/** 16 bytes as a UUID of version 4 (RFC 9562 section 5.4). */
function toUuid(bytes: Buffer): string {
  const uuid = Buffer.from(bytes)
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x40, 6)
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8)
  return uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
