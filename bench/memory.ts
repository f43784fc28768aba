// What does a cached session weigh, and does anything else grow? Needs --expose-gc.
import type { AccessTokens } from '../lib/tokens/access-token.ts'
import { parseCookies } from '../lib/transport/cookie-format.ts'
import { type Mint, openMint } from './minting.ts'
import { machine, report } from './report.ts'

const CACHE_SIZE = 10_000
/** Room for all of them, and for few more. */
const CACHE_BYTES = 20 * 2 ** 20
const FLOOD = 100_000
const TARGET_BYTES = 2048
/** Other cookies, as an app and its analytics set them. */
const OTHER_COOKIES = Array.from({ length: 10 }, (_, index) => `other${index}=${'x'.repeat(140)}; `)

const NAMES = { access: 'sAccessToken', refresh: 'sRefreshToken', device: 'sDevice' }

/** How a token is cut out of the header that it comes in. */
type Cut = (token: Buffer) => string

const fromAuthorization: Cut = (token) => headerOf('Bearer ', token).slice('Bearer '.length)
const fromCookies: Cut = (token) =>
  String(parseCookies(NAMES, headerOf(`${OTHER_COOKIES.join('')}sAccessToken=`, token)).accessToken)

/** A string of its own, as Node makes headers from network data. */
function headerOf(before: string, token: Buffer): string {
  return Buffer.concat([Buffer.from(before), token]).toString('latin1')
}

/** As bytes: these are outside of the heap, so they weigh nothing here. */
async function mintBytes({ mintMany }: Mint, count: number): Promise<Buffer[]> {
  return (await mintMany(count)).map((text) => Buffer.from(text))
}

function verify(accessTokens: AccessTokens, text: string, nowMs: number): unknown {
  const token = accessTokens.verify(text, nowMs)
  if (typeof token === 'string') throw new Error(`The token is refused: ${token}`)
  return token
}

/** Bytes on the heap after garbage collection. */
function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('Run it with --expose-gc')
  for (let times = 0; times < 4; times++) globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** Bytes of heap per token that the cache holds. */
async function weigh(mint: Mint, cut: Cut): Promise<number> {
  const tokens = await mintBytes(mint, CACHE_SIZE)
  const verifyAll = (cache: AccessTokens) =>
    tokens.map((token) => verify(cache, cut(token), mint.nowMs))
  // Compiled code takes memory, too.
  verifyAll(mint.accessTokens(0))
  const accessTokens = mint.accessTokens(CACHE_BYTES)
  const before = heapUsed()
  verifyAll(accessTokens)
  const after = heapUsed()
  // What the cache holds it answers again and again.
  const held = verifyAll(accessTokens)
  if (verifyAll(accessTokens).some((token, index) => token !== held[index]))
    throw new Error('The cache lost a token')
  return (after - before) / CACHE_SIZE
}

/** What the heap grows by when ten times as many tokens are seen as the cache holds. */
async function growthBySights(mint: Mint): Promise<number> {
  const accessTokens = mint.accessTokens(CACHE_BYTES)
  const seeMore = async () => {
    const tokens = await mintBytes(mint, CACHE_SIZE)
    for (const token of tokens) verify(accessTokens, fromCookies(token), mint.nowMs)
  }
  // The second time, every token replaces another.
  await seeMore()
  await seeMore()
  const before = heapUsed()
  for (let seen = 0; seen < FLOOD; seen += CACHE_SIZE) await seeMore()
  return heapUsed() - before
}

interface JunkResult {
  readonly growth: number
  readonly evicted: number
}

/** What a flood of tokens does that look good up to their signature. */
async function floodWithJunk(mint: Mint): Promise<JunkResult> {
  const accessTokens = mint.accessTokens(CACHE_BYTES)
  const tokens = await mintBytes(mint, CACHE_SIZE)
  const verifyAll = () =>
    tokens.map((token) => verify(accessTokens, fromCookies(token), mint.nowMs))
  verifyAll()
  // What the cache holds it answers again and again.
  const held = verifyAll()
  const before = heapUsed()
  for (let index = 0; index < FLOOD; index++) {
    const token = Buffer.from(tokens[index % CACHE_SIZE] as Buffer)
    // The end of the signature, which the cache looks up; as many endings as there are tokens.
    token.write(index.toString(36).padStart(8, '0'), token.length - 8)
    const refused = accessTokens.verify(fromCookies(token), mint.nowMs)
    if (refused !== 'signature') throw new Error('Junk was accepted')
  }
  const growth = heapUsed() - before
  const evicted = verifyAll().filter((token, index) => token !== held[index]).length
  return { growth, evicted }
}

const inMB = (bytes: number) => (bytes / 2 ** 20).toFixed(1)

const lines = [
  `Measured on ${machine()}, with ${CACHE_SIZE} tokens in the cache.`,
  '',
  '| token | bytes of heap per token | target | length of the token |',
  '| --- | --- | --- | --- |'
]
for (const algorithm of ['RS256', 'ES256'] as const) {
  const mint = await openMint(algorithm)
  const [{ length } = ''] = await mint.mintMany(1)
  for (const [name, cut] of [
    ['an `Authorization` header', fromAuthorization],
    ['a `Cookie` header with 1.5 KB of others', fromCookies]
  ] as const) {
    const bytes = await weigh(mint, cut)
    lines.push(
      `| ${algorithm}, out of ${name} | ${bytes.toFixed(0)} | ≤ ${TARGET_BYTES} | ${length} |`
    )
  }
}
const mint = await openMint('ES256')
const growth = await growthBySights(mint)
const junk = await floodWithJunk(mint)
lines.push(
  '',
  `A full cache grew by ${inMB(growth)} MB over ${FLOOD} first sights more. ${FLOOD} tokens with a wrong signature evicted ${junk.evicted} of its tokens, and the heap grew by ${inMB(junk.growth)} MB.`
)
await report('memory', lines.join('\n'))
