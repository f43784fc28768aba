// What does a token or a proof cost that the cache does not hold, compared with checking its
// signature alone?
import { createPublicKey, verify } from 'node:crypto'
import { DpopProofs } from '../lib/device-binding/dpop.ts'
import type { SigningAlgorithm } from '../lib/keys/algorithms.ts'
import { Device } from '../test/builders/device.ts'
import { type Comparison, compare, type Run } from './compare.ts'
import { type Mint, openMint } from './minting.ts'
import { machine, report } from './report.ts'

const TOKENS = 10_000
/** For one token, and for no digest: each is forgotten again before its next turn. */
const CACHE_BYTES = 2040
/** For one in ten of the tokens, and for the digests of all. */
const CACHE_BYTES_OF_DIGESTS = 2_000_000
const TARGET = 0.85
const DIGEST_TARGET = 3
/** Each is good once. */
const PROOFS = 24_000
const PROOF_TARGET = 0.8

function ours({ accessTokens, nowMs }: Mint, texts: readonly string[], cacheBytes: number): Run {
  const tokens = accessTokens(cacheBytes)
  let turn = 0
  return () => {
    const token = tokens.verify(String(texts[turn++ % TOKENS]), nowMs)
    if (typeof token === 'string') throw new Error(`The token is refused: ${token}`)
  }
}

function bare(jwk: object, texts: readonly string[]): Run {
  const publicKey = createPublicKey({ key: { ...jwk }, format: 'jwk' })
  const verifyingKey = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  let turn = 0
  return () => {
    const text = String(texts[turn++ % texts.length])
    const headerEnd = text.indexOf('.')
    const payloadEnd = text.lastIndexOf('.')
    const signature = Buffer.from(text.slice(payloadEnd + 1), 'base64url')
    const input = Buffer.from(text.slice(0, payloadEnd))
    if (!verify('sha256', input, verifyingKey, signature)) throw new Error('The token is not good')
    return [parse(text.slice(0, headerEnd)), parse(text.slice(headerEnd + 1, payloadEnd))]
  }
}

async function measure(
  algorithm: SigningAlgorithm,
  { cacheBytes }: { cacheBytes: number }
): Promise<Comparison> {
  const mint = await openMint(algorithm)
  // By way of bytes, as a server gets them: a string that was put together is slower to read.
  const texts = (await mint.mintMany(TOKENS)).map((text) => Buffer.from(text).toString('latin1'))
  const verifyOne = ours(mint, texts, cacheBytes)
  for (const _ of texts) verifyOne()
  return compare(verifyOne, bare(mint.key.jwk, texts))
}

/** Proofs of one device (RFC 9449), as its requests bring them. */
function measureProofs(): Promise<Comparison> {
  const device = new Device()
  const url = 'https://api.example.com/me'
  const nowMs = Date.now()
  const token = 'x'.repeat(900)
  const claims = { htm: 'GET', htu: url, iat: nowMs / 1000 }
  const texts = Array.from({ length: PROOFS }, () =>
    Buffer.from(device.dpop(claims, token)).toString('latin1')
  )
  const proofs = new DpopProofs(null, {})
  const request = { method: 'GET', url, token, isTokenNamed: true, jkt: null }
  let turn = 0
  const check = () => {
    const proof = proofs.check(String(texts[turn++]), request, nowMs)
    if (typeof proof === 'string') throw new Error(`The proof is refused: ${proof}`)
  }
  return compare(check, bare(device.jwk, texts))
}

const lines = [
  `Measured on ${machine()}: ${TOKENS} different tokens, by turns; medians.`,
  '',
  '| what | ours / other | target | ours/s | other/s |',
  '| --- | --- | --- | --- | --- |'
]
function addRow(name: string, target: number, comparison: Comparison): void {
  const { ratio, oursPerSecond, otherPerSecond } = comparison
  const perSecond = [oursPerSecond, otherPerSecond].map((count) => count.toFixed(0))
  lines.push(`| ${[name, ratio.toFixed(2), `≥ ${target}`, ...perSecond].join(' | ')} |`)
}
for (const algorithm of ['RS256', 'ES256'] as const)
  addRow(algorithm, TARGET, await measure(algorithm, { cacheBytes: CACHE_BYTES }))
addRow(
  'RS256, verified before, and most gone from the cache',
  DIGEST_TARGET,
  await measure('RS256', { cacheBytes: CACHE_BYTES_OF_DIGESTS })
)
addRow('a DPoP proof, ES256', PROOF_TARGET, await measureProofs())
await report('first-sight', lines.join('\n'))
