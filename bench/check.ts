// What does the check of a session cost by itself, without HTTP around it?
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import supersession, { memoryStore } from '../lib/index.ts'
import { type MintedSession, mint, SECRET } from './mint.ts'
import { machine, report } from './report.ts'
import { headerRequest } from './requests.ts'
import { median } from './rounds.ts'

const COUNTS = [1, 100, 2000, 10_000, 100_000]
const ROUNDS = 7
const CHECKS_PER_ROUND = 100_000
/** So many requests arrive at once, at a busy server. */
const REQUESTS_PER_TURN = 64
const TARGETS_US: Readonly<Record<number, number>> = { 1: 0.6, 10000: 2, 100000: 6 }

type Check = (request: FastifyRequest) => unknown

/** Processor time of a check, garbage collection included, in microseconds. */
async function timeOf(check: Check, headers: readonly Buffer[], first: number): Promise<number> {
  const before = process.cpuUsage()
  for (let index = 0; index < CHECKS_PER_ROUND; index++) {
    // By way of bytes, as a server gets them.
    const authorization = headers[(first + index) % headers.length]?.toString('latin1')
    const request = { method: 'GET', url: '/me', headers: { authorization } }
    if (check(request as FastifyRequest) === undefined) throw new Error('The session is refused')
    if (index % REQUESTS_PER_TURN === 0) await new Promise(setImmediate)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CHECKS_PER_ROUND
}

/** As `bench/servers/floor.ts`: the least that a check can do. */
function floor(sessions: readonly MintedSession[]): Check {
  const known = new Map(sessions.map((session) => [session.accessToken, session]))
  return ({ headers: { authorization = '' } }) => {
    const session = known.get(authorization.slice('Bearer '.length))
    return session !== undefined && session.expiresAt * 1000 > Date.now() ? session : undefined
  }
}

const { sessions, keys } = await mint({ sessions: Math.max(...COUNTS), claims: 0 })
const store = memoryStore()
for (const key of keys) await store.addKey(key, null)
const app = Fastify()
await app.register(supersession, { store, secret: SECRET, antiCsrf: 'VIA_TOKEN' })
const verifySession = app.verifySession()
const ours: Check = (request) => {
  verifySession(request, null as unknown as FastifyReply, () => undefined)
  return request.session
}

const lines: string[] = []
for (const count of COUNTS) {
  const some = sessions.slice(0, count)
  const headers = some.map((session) =>
    Buffer.from(String(headerRequest(session)['authorization']))
  )
  const checks = { ours, floor: floor(some), reading: (request: FastifyRequest) => request }
  const times: Record<string, number[]> = { ours: [], floor: [], reading: [] }
  for (let round = -2; round < ROUNDS; round++)
    for (const [name, check] of Object.entries(checks)) {
      const timeUs = await timeOf(check, headers, (round + 2) * CHECKS_PER_ROUND)
      if (round >= 0) times[name]?.push(timeUs)
    }
  const of = (name: string) => median(times[name] ?? []) - median(times['reading'] ?? [])
  const target = TARGETS_US[count]
  lines.push(
    `| ${count.toLocaleString('en')} | ${of('ours').toFixed(2)} | ${of('floor').toFixed(2)} | ${target === undefined ? '' : `≤ ${target}`} |`
  )
}
await app.close()
await report(
  'check',
  [
    `Measured on ${machine()}, by turns; medians of ${ROUNDS} rounds.`,
    '',
    '| sessions, in turn | the check, us | looking the token up in a `Map`, us | target |',
    '| --- | --- | --- | --- |',
    ...lines
  ].join('\n')
)
