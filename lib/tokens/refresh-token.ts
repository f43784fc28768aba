import { createHmac, hash, randomBytes, randomInt } from 'node:crypto'
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
/** Of what tells keys apart: 48 bits. */
const NAME_LENGTH = 8
/** Our own are under 400; anything much longer is not worth a MAC. */
const MAX_LENGTH = 1024
/** As many as `randomInt` knows: a token has a few children at most, and no two may be alike. */
const NONCES = 2 ** 48 - 1

/** `H1` of the session protocol. */
export function hashRefreshToken(text: string): string {
  return hash('sha256', text)
}

/** The handle that a text claims to be of, which nobody has checked. */
export function claimedHandle(text: string): string | undefined {
  try {
    const [, facts = ''] = text.split('.', 2)
    const [handle] = JSON.parse(Buffer.from(facts, 'base64url').toString()) as Facts
    return handle
  } catch {
    return undefined
  }
}

/**
 * Issues refresh tokens and reads them back.
 *
 * The text is `v1.<facts>.<MAC>`, the facts being base64url JSON and the MAC HMAC-SHA-256 over all
 * before it (RFC 2104): what reads back is what we wrote. Lifetime is the record's, not the token's.
 */
export class RefreshTokens {
  readonly #keys: readonly Buffer[]
  readonly #names = new WeakMap<Buffer, string>()

  /** @param keys - The first one issues, all of them read. At least one; the list may change. */
  constructor(keys: readonly Buffer[]) {
    this.#keys = keys
  }

  /** The first token of a session. */
  issueFirst(handle: string, { withAntiCsrf }: { withAntiCsrf: boolean }): RefreshToken {
    return issue(this.#issuing(), handle, randomBytes(32), null, withAntiCsrf)
  }

  /**
   * For a child that has to be new.
   *
   * Names the key that the child is derived with: while an app changes its secrets processes have
   * another one in front, and still all of them have to hand out the same child.
   */
  newNonce(): string {
    return `${this.#nameOf(this.#issuing())}.${randomInt(NONCES).toString(36)}`
  }

  /**
   * A token for whoever holds `parent`.
   *
   * Derived from the parent's text and a nonce with our key, so that two tabs, a retry and a
   * duplicate get one and the same, and nobody gets it who does not hold the parent.
   *
   * @param child.nonce - One that names no key of ours stands for the key that issued the parent.
   */
  issueChild(
    parent: RefreshToken,
    child: { nonce: string; parentHash: string; withAntiCsrf: boolean }
  ): RefreshToken {
    const named = this.#keys.find((key) => child.nonce.startsWith(`${this.#nameOf(key)}.`))
    const key = named ?? (this.#issuerOf(parent.text) as Buffer)
    const seed = Buffer.from(mac(key, `child ${child.nonce} ${parent.text}`), 'base64url')
    return issue(key, parent.handle, seed, child.parentHash, child.withAntiCsrf)
  }

  /** Reads a token; `null` for whatever we did not issue. Does not look at any record. */
  read(text: string): RefreshToken | null {
    if (text.length > MAX_LENGTH) return null
    const [version, facts, code, ...rest] = text.split('.')
    if (version !== VERSION || facts === undefined || code === undefined || rest.length > 0)
      return null
    if (this.#issuerOf(text) === undefined) return null
    // Behind the MAC: nobody but us can have written this.
    const [handle, , parentHash, antiCsrfToken] = JSON.parse(
      Buffer.from(facts, 'base64url').toString()
    ) as Facts
    return { text, hash: hashRefreshToken(text), handle, parentHash, antiCsrfToken }
  }

  #issuing(): Buffer {
    return this.#keys[0] as Buffer
  }

  /** Tells a key apart from the others, and nothing else of it. */
  #nameOf(key: Buffer): string {
    let name = this.#names.get(key)
    if (name === undefined) {
      name = mac(key, 'name').slice(0, NAME_LENGTH)
      this.#names.set(key, name)
    }
    return name
  }

  #issuerOf(text: string): Buffer | undefined {
    const end = text.lastIndexOf('.')
    const [unsigned, code] = [text.slice(0, end), text.slice(end + 1)]
    return this.#keys.find((key) => isEqualSecret(mac(key, unsigned), code))
  }
}

/** @param seed - 32 bytes that nobody can guess; neither half tells anything of the other. */
function issue(
  key: Buffer,
  handle: string,
  seed: Buffer,
  parentHash: string | null,
  withAntiCsrf: boolean
): RefreshToken {
  const id = seed.toString('base64url', 0, 16)
  const antiCsrfToken = withAntiCsrf ? toUuid(seed.subarray(16)) : null
  const facts: Facts = [handle, id, parentHash, antiCsrfToken]
  const unsigned = `${VERSION}.${Buffer.from(JSON.stringify(facts)).toString('base64url')}`
  const text = `${unsigned}.${mac(key, unsigned)}`
  return { text, hash: hashRefreshToken(text), handle, parentHash, antiCsrfToken }
}

/** In base64url: a Buffer costs as much again as the MAC. */
function mac(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url')
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
