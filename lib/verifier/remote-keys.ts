import { type AsymmetricKeyDetails, createPublicKey, type KeyObject } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { HTTPException } from '../errors/http-exception.ts'
import { kindOf, type SigningAlgorithm } from '../keys/algorithms.ts'
import { VerificationKey } from '../keys/jwt-keys.ts'
import type { AccessTokenKeys } from '../tokens/access-token.ts'

/** The issuer is asked at most so often, whatever unknown keys are named: anybody can invent one. */
const RELOAD_INTERVAL_MS = 500
/** A key that the issuer withdrew verifies for so long at most, however long it may be cached. */
const MAX_AGE_MS = 60_000
const TIMEOUT_MS = 5000
/** Of an answer; a thousand keys have half of it. */
const MAX_BYTES = 1_000_000
/** RFC 7518 section 3.3. */
const MIN_RSA_BITS = 2048

/** The issuer did not give its keys. Says nothing about the session. */
export class IssuerUnavailableError extends HTTPException<503, string> {
  constructor({ cause }: { cause?: unknown } = {}) {
    super(503, 'Service Unavailable', {
      cause,
      code: 'SUPERSESSION_ISSUER_UNAVAILABLE',
      headers: { 'retry-after': 1 }
    })
  }
}

export interface RemoteKeysSettings {
  readonly issuer: string
  /** `null`: as the discovery document of the issuer says. */
  readonly jwksUri: string | null
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn'>
}

/**
 * The keys of another service, by its JWKS (RFC 7517 section 5).
 *
 * They are asked for again when their `Cache-Control` says so, at the latest after a minute, while
 * those that are known go on verifying. Where the issuer does not answer they do so until it does.
 */
export class RemoteKeys implements AccessTokenKeys {
  readonly #settings: RemoteKeysSettings
  readonly #stop = new AbortController()
  #byKid: ReadonlyMap<string, LoadedKey> = new Map()
  /** What was dropped stays so: an answer that some cache has kept may still have it. */
  readonly #dropped = new Set<string>()
  /** By the header segment of their access tokens. */
  #byHeader: ReadonlyMap<string, VerificationKey> = new Map()
  #discoveredUri: string | null = null
  #loadedAt = Number.NEGATIVE_INFINITY
  #maxAgeMs = 0
  #askedAt = Number.NEGATIVE_INFINITY
  #isAsking = false
  #lastAnswer: Promise<void> = Promise.resolve()
  #hasFailed = false

  constructor(settings: RemoteKeysSettings) {
    this.#settings = settings
  }

  /** Asks the issuer again, in the background, where what is known has become too old. */
  reloadIfStale(nowMs: number): void {
    const isStale = Math.abs(nowMs - this.#loadedAt) >= this.#maxAgeMs
    if (isStale && this.#mayAsk(nowMs)) this.#load(nowMs).catch(() => {})
  }

  findByHeader(segment: string): VerificationKey | undefined {
    return this.#byHeader.get(segment)
  }

  find(kid: string): VerificationKey | undefined {
    return this.#byKid.get(kid)?.key
  }

  /** @throws {@link IssuerUnavailableError} */
  async findAgain(kid: string, nowMs: number): Promise<VerificationKey | undefined> {
    await this.#load(nowMs)
    return this.find(kid)
  }

  /** Has a key verify nothing from now on, before the issuer was asked again. */
  drop(kid: string): void {
    this.#dropped.add(kid)
    const loaded = this.#byKid.get(kid)
    if (loaded === undefined) return
    loaded.key.usableUntil = Number.NEGATIVE_INFINITY
    this.#loadedAt = Number.NEGATIVE_INFINITY
    this.#askedAt = Number.NEGATIVE_INFINITY
  }

  /** Gives up a request to the issuer that is under way. */
  stop(): void {
    this.#stop.abort()
  }

  /** One answer is for all who ask until it is there, and for half a second from the question on. */
  #load(nowMs: number): Promise<void> {
    if (this.#mayAsk(nowMs)) {
      this.#askedAt = nowMs
      this.#isAsking = true
      this.#lastAnswer = this.#ask(nowMs).finally(() => {
        this.#isAsking = false
      })
    }
    return this.#lastAnswer
  }

  #mayAsk(nowMs: number): boolean {
    return !this.#isAsking && Math.abs(nowMs - this.#askedAt) >= RELOAD_INTERVAL_MS
  }

  async #ask(nowMs: number): Promise<void> {
    const { issuer, jwksUri, log } = this.#settings
    try {
      const uri = jwksUri ?? this.#discoveredUri ?? (await this.#discover())
      const { body, headers } = await this.#fetchJson(uri)
      this.#adopt(body)
      this.#discoveredUri = uri
      this.#loadedAt = nowMs
      this.#maxAgeMs = maxAgeOf(headers)
    } catch (cause) {
      // The issuer may have moved them.
      this.#discoveredUri = null
      if (!this.#hasFailed && !this.#stop.signal.aborted)
        log.warn({ err: cause, issuer }, 'the keys of the issuer cannot be loaded')
      this.#hasFailed = true
      throw new IssuerUnavailableError({ cause })
    }
    if (this.#hasFailed) log.info({ issuer }, 'the keys of the issuer are loaded again')
    this.#hasFailed = false
  }

  /** OpenID Connect Discovery 1.0 sections 4 and 4.3. */
  async #discover(): Promise<string> {
    const { issuer } = this.#settings
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const { body } = await this.#fetchJson(url)
    const document = Object(body) as { issuer?: unknown; jwks_uri?: unknown }
    if (document.issuer !== issuer) throw new Error(`${url} is of another issuer`)
    if (typeof document.jwks_uri !== 'string') throw new Error(`${url} has no jwks_uri`)
    return document.jwks_uri
  }

  async #fetchJson(url: string): Promise<{ body: unknown; headers: Headers }> {
    const response = await fetch(url, {
      // Caches on the way may have a key that was revoked.
      headers: { accept: 'application/json', 'cache-control': 'no-cache' },
      // Only the place that was configured is trusted.
      redirect: 'error',
      signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(TIMEOUT_MS)])
    })
    const text = await readText(response, url)
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
    return { body: JSON.parse(text), headers: response.headers }
  }

  #adopt(body: unknown): void {
    const { keys } = Object(body) as { keys?: unknown }
    if (!Array.isArray(keys)) throw new Error('the JWKS has no keys')
    const byKid = new Map<string, LoadedKey>()
    for (const jwk of keys) {
      const text = JSON.stringify(jwk)
      const known = this.#byKid.get(String(Object(jwk).kid))
      const key = known?.text === text ? known.key : readKey(jwk)
      if (key !== null && !this.#dropped.has(key.kid)) byKid.set(key.kid, { text, key })
    }
    // What was verified with a key that is gone names that key still.
    for (const [kid, { key }] of this.#byKid)
      if (byKid.get(kid)?.key !== key) key.usableUntil = Number.NEGATIVE_INFINITY
    this.#byKid = byKid
    this.#byHeader = new Map([...byKid.values()].map(({ key }) => [key.header, key]))
  }
}

interface LoadedKey {
  /** The JWK as it came: one that has not changed need not be read again. */
  readonly text: string
  readonly key: VerificationKey
}

/** @throws Error The body is too large to be one of keys. */
async function readText({ body }: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_BYTES) throw new Error(`${url} answered more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** A key of a JWKS; `null` for one that signs no access tokens. */
function readKey(jwk: unknown): VerificationKey | null {
  const { kid, use, alg } = Object(jwk) as Readonly<Record<string, unknown>>
  const kind = typeof kid === 'string' ? kindOf(kid) : null
  if (kind === null || (use !== undefined && use !== 'sig')) return null
  try {
    const publicKey = createPublicKey({ key: jwk as Record<string, unknown>, format: 'jwk' })
    const algorithm = algorithmOf(publicKey)
    if (algorithm === null || (alg !== undefined && alg !== algorithm)) return null
    const usableUntil = Number.POSITIVE_INFINITY
    return new VerificationKey({ kid: kid as string, kind, algorithm, publicKey, usableUntil })
  } catch {
    // Of a kind that Node does not know, or with parts that are no numbers.
    return null
  }
}

/** The one algorithm that a key is for here, whatever its tokens say. */
function algorithmOf(key: KeyObject): SigningAlgorithm | null {
  const { asymmetricKeyType } = key
  const { modulusLength = 0, namedCurve } = Object(key.asymmetricKeyDetails) as AsymmetricKeyDetails
  if (asymmetricKeyType === 'rsa') return modulusLength >= MIN_RSA_BITS ? 'RS256' : null
  if (asymmetricKeyType === 'ec') return namedCurve === 'prime256v1' ? 'ES256' : null
  return asymmetricKeyType === 'ed25519' ? 'EdDSA' : null
}

/** For how long an answer may be kept (RFC 9111 sections 4.2 and 5.2.2), in milliseconds. */
function maxAgeOf(headers: Headers): number {
  const directives = headers.get('cache-control') ?? ''
  if (/\bno-(?:store|cache)\b/i.test(directives)) return 0
  const [, seconds] = /\bmax-age="?(\d+)/i.exec(directives) ?? []
  if (seconds === undefined) return MAX_AGE_MS
  const age = Number(headers.get('age')) || 0
  return Math.min(MAX_AGE_MS, Math.max(0, (Number(seconds) - age) * 1000))
}
