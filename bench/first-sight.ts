// What does a token cost that was not seen before, compared with checking its signature alone?
import { createPublicKey, verify } from 'node:crypto'
import type { SigningAlgorithm } from '../lib/keys/algorithms.ts'
import { type Comparison, compare, type Run } from './compare.ts'
import { type Mint, openMint } from './minting.ts'
import { machine, report } from './report.ts'

const TOKENS = 10_000
/** For half of the tokens: each is forgotten again before its next turn. */
const CACHE_BYTES = 8 * 2 ** 20
const TARGET = 0.85

function ours({ accessTokens, nowMs }: Mint, texts: readonly string[]): Run {
  const tokens = accessTokens(CACHE_BYTES)
  let turn = 0
  return () => {
    const token = tokens.verify(String(texts[turn++ % TOKENS]), nowMs)
    if (typeof token === 'string') throw new Error(`The token is refused: ${token}`)
  }
}

function bare({ key }: Mint, texts: readonly string[]): Run {
  const publicKey = createPublicKey({ key: { ...key.jwk }, format: 'jwk' })
  const verifyingKey = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
  let turn = 0
  return () => {
    const text = String(texts[turn++ % TOKENS])
    const headerEnd = text.indexOf('.')
    const payloadEnd = text.lastIndexOf('.')
    const signature = Buffer.from(text.slice(payloadEnd + 1), 'base64url')
    const input = Buffer.from(text.slice(0, payloadEnd))
    if (!verify('sha256', input, verifyingKey, signature)) throw new Error('The token is not good')
    return [parse(text.slice(0, headerEnd)), parse(text.slice(headerEnd + 1, payloadEnd))]
  }
}

async function measure(algorithm: SigningAlgorithm): Promise<Comparison> {
  const mint = await openMint(algorithm)
  // By way of bytes, as a server gets them: a string that was put together is slower to read.
  const texts = (await mint.mintMany(TOKENS)).map((text) => Buffer.from(text).toString('latin1'))
  return compare(ours(mint, texts), bare(mint, texts))
}

const lines = [
  `Measured on ${machine()}: ${TOKENS} different tokens, by turns; medians.`,
  '',
  '| algorithm | ours / other | target | ours, tokens/s | other, tokens/s |',
  '| --- | --- | --- | --- | --- |'
]
for (const algorithm of ['RS256', 'ES256'] as const) {
  const { ratio, oursPerSecond, otherPerSecond } = await measure(algorithm)
  const figures = [
    ratio.toFixed(2),
    `≥ ${TARGET}`,
    oursPerSecond.toFixed(0),
    otherPerSecond.toFixed(0)
  ]
  lines.push(`| ${algorithm} | ${figures.join(' | ')} |`)
}
await report('first-sight', lines.join('\n'))
