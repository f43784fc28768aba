import { createHmac } from 'node:crypto'
import { stringifySetCookie } from 'cookie'
import { isEqualSecret } from '../keys/secrets.ts'
import type { SameSite } from '../options/cookies.ts'

/** Which session on which device. */
export interface Binding {
  readonly handle: string
  /** The thumbprint of the device's key. */
  readonly jkt: string
}

/** Attributes that the bound cookie shares with the cookie of the access token. */
export interface BoundCookieSettings {
  /** Without its prefix. */
  readonly name: string
  readonly domain: string | undefined
  readonly path: string
  /** How long one is accepted. */
  readonly lifetimeMs: number
}

/** So many cookies of this name are looked at. */
const MAX_DUPLICATES = 4
/**
 * The share of its life that the browser is told of: a request that leaves with the cookie arrives
 * before it ends.
 */
const TOLD_SHARE = 0.9

/**
 * The short-lived cookie that only the device's key brings: `<end>.<MAC>`, the MAC being HMAC-SHA-256
 * over the session, the key and the end. Of no use with another session or key.
 */
export class BoundCookies {
  /** With a prefix (RFC 6265bis section 4.1.3), so that no other host can set it. */
  readonly name: string
  readonly #pair: string
  readonly #keys: readonly Buffer[]
  readonly #settings: BoundCookieSettings

  /** @param keys - The first one issues, all of them read. At least one. */
  constructor(keys: readonly Buffer[], settings: BoundCookieSettings) {
    const isHostOnly = settings.domain === undefined && settings.path === '/'
    this.name = `${isHostOnly ? '__Host' : '__Secure'}-${settings.name}`
    this.#pair = `${this.name}=`
    this.#keys = keys
    this.#settings = settings
  }

  /** A `Set-Cookie` value. */
  issue(binding: Binding, sameSite: SameSite, nowMs: number): string {
    const { lifetimeMs } = this.#settings
    const end = (nowMs + lifetimeMs).toString(36)
    const value = `${end}.${mac(this.#keys[0] as Buffer, binding, end)}`
    return this.#serialize(value, sameSite, Math.floor((lifetimeMs * TOLD_SHARE) / 1000))
  }

  /** A `Set-Cookie` value that takes it away. */
  clear(sameSite: SameSite): string {
    return this.#serialize('', sameSite, 0)
  }

  /** The attributes as the browser is to expect them (DBSC, JSON session credential). */
  attributes(sameSite: SameSite): string {
    return this.#serialize('', sameSite, undefined).slice(`${this.#pair}; `.length)
  }

  /** The values that came in a `Cookie` header. */
  valuesIn(header: string | undefined): readonly string[] {
    if (header === undefined) return []
    const values: string[] = []
    for (const part of header.split(';', MAX_COOKIES)) {
      // Before a name cookies know no more white space (RFC 6265 section 5.2).
      const pair = part.replace(/^[ \t]+/, '').trimEnd()
      if (pair.startsWith(this.#pair) && values.length < MAX_DUPLICATES)
        values.push(pair.slice(this.#pair.length))
    }
    return values
  }

  /** When a value ends, milliseconds since the epoch; `null` where it is not good for this binding. */
  endOf(value: string, binding: Binding, nowMs: number): number | null {
    const [end = '', code] = value.split('.')
    if (!this.#keys.some((key) => isEqualSecret(mac(key, binding, end), code))) return null
    const endMs = Number.parseInt(end, 36)
    return endMs <= nowMs ? null : endMs
  }

  #serialize(value: string, sameSite: SameSite, maxAge: number | undefined): string {
    const { domain, path } = this.#settings
    return stringifySetCookie({
      name: this.name,
      value,
      path,
      httpOnly: true,
      secure: true,
      sameSite,
      ...(domain !== undefined && { domain }),
      ...(maxAge !== undefined && { maxAge })
    })
  }
}

/** Browsers keep 180 for a site. */
const MAX_COOKIES = 200

function mac(key: Buffer, { handle, jkt }: Binding, end: string): string {
  return createHmac('sha256', key).update(`cookie ${handle} ${jkt} ${end}`).digest('base64url')
}
