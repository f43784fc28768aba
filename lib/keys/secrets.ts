import {
  createCipheriv,
  createDecipheriv,
  hkdfSync,
  randomBytes,
  timingSafeEqual
} from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** What a secret of the app is used for; keys of different purposes tell nothing of each other. */
export type SecretPurpose = 'refresh token' | 'stored key' | 'device binding'

/** Derives one 256-bit key per secret (RFC 5869), in the order of the secrets. */
export function deriveKeys(secrets: readonly Buffer[], purpose: SecretPurpose): Buffer[] {
  return secrets.map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, '', `fastify-supersession ${purpose}`, 32))
  )
}

/** Encrypts with the first key, for a place that others may read. `context` has to come back. */
export function seal(text: string, keys: readonly Buffer[], context: string): string {
  const [first] = keys
  if (first === undefined) return text
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, first, nonce).setAAD(Buffer.from(context))
  const sealed = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(sealed).toString('base64url')
}

/** Decrypts what one of the keys sealed under the same context; `null` where none did. */
export function open(sealed: string, keys: readonly Buffer[], context: string): string | null {
  if (keys.length === 0) return sealed
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null
  for (const key of keys) {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES))
    decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-TAG_BYTES))
    try {
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
      return Buffer.concat([text, decipher.final()]).toString('utf8')
    } catch {
      // Not sealed with this key; an older one may fit.
    }
  }
  return null
}

/** In constant time, so that how long a refusal takes tells nothing of the expected value. */
export function isEqualSecret(expected: string, received: string | undefined): boolean {
  if (received === undefined) return false
  const [a, b] = [Buffer.from(expected), Buffer.from(received)]
  return a.length === b.length && timingSafeEqual(a, b)
}
