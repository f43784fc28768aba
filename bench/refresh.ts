// What does a refresh cost, compared with its minimum: a signature, and one write to the store?
import { createPrivateKey, sign } from 'node:crypto'
import Fastify from 'fastify'
import supersession, {
  type JsonObject,
  memoryStore,
  type SessionRecord,
  type SessionStore,
  type SigningAlgorithm
} from '../lib/index.ts'
import { TestClock } from '../lib/testing/index.ts'
import { type DurableStore, durableStores } from '../test/builders/durable-stores.ts'
import { type Comparison, compare, type Run } from './compare.ts'
import { machine, report } from './report.ts'

const AT_ONCE = 64
const CLIENTS = 8 * AT_ONCE
/** Longer than the grace period: a client's newest refresh token is due for a child of its own. */
const PAUSE_SECONDS = 31

interface Client {
  refreshToken: string
  readonly handle: string
}

interface Sides {
  /** A refresh of one client after the other, each with the token of its last refresh. */
  readonly refresh: Run
  /** Signs an access token of the same payload. */
  readonly signOnly: Run
  /** Writes a record of the same size, and signs. */
  readonly writeAndSign: Run
  readonly close: () => Promise<void>
}

async function openSides(store: SessionStore, algorithm: SigningAlgorithm): Promise<Sides> {
  // Starts now: Redis drops what has ended by a clock of its own.
  const clock = new TestClock(Date.now())
  const app = Fastify()
  await app.register(supersession, { store, signingAlgorithm: algorithm, clock: clock.read })

  const login = async (): Promise<Client> => {
    const created = await app.sessions.issue({
      userId: 'ada',
      accessTokenPayload: { role: 'admin' }
    })
    return { refreshToken: String(created.refreshToken), handle: created.session.handle }
  }
  const rotate = async (client: Client): Promise<JsonObject> => {
    const { refreshToken, session } = await app.sessions.rotate(client.refreshToken)
    if (refreshToken === client.refreshToken) throw new Error('The token was not exchanged')
    client.refreshToken = String(refreshToken)
    return session.payload
  }
  const clients = await Promise.all(Array.from({ length: CLIENTS }, login))

  // The records of sessions that were refreshed twice, as those of the other side are.
  const others = await Promise.all(Array.from({ length: CLIENTS }, login))
  await Promise.all(others.map(rotate))
  clock.advance(PAUSE_SECONDS)
  const [payload = {}] = await Promise.all(others.map(rotate))
  const records = await Promise.all(others.map(async ({ handle }) => store.get(handle)))
  const signToken = await bareSigner(store, algorithm, payload)

  let [refreshes, writes] = [0, 0]
  return {
    refresh() {
      if (refreshes % CLIENTS === 0) clock.advance(PAUSE_SECONDS)
      return rotate(clients[refreshes++ % CLIENTS] as Client)
    },
    signOnly: signToken,
    async writeAndSign() {
      const index = writes++ % CLIENTS
      const found = records[index] as SessionRecord
      const { expiresAt, revision } = found
      const next = { ...found, expiresAt: expiresAt + PAUSE_SECONDS * 1000, revision: revision + 1 }
      records[index] = next
      if (!(await store.replace(next, revision))) throw new Error('The record was not written')
      return signToken()
    },
    async close() {
      const written = await Promise.all(clients.map(async ({ handle }) => store.get(handle)))
      const revisions = written.reduce((sum, record) => sum + Number(record?.revision), 0)
      if (revisions !== refreshes) throw new Error('Not every refresh was written, once')
      await app.close()
    }
  }
}

async function bareSigner(
  store: SessionStore,
  algorithm: SigningAlgorithm,
  payload: JsonObject
): Promise<() => string> {
  const key = (await store.listKeys()).find(({ kind }) => kind === 'dynamic')
  const signingKey = {
    key: createPrivateKey(String(key?.material)),
    dsaEncoding: 'ieee-p1363'
  } as const
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const header = encode({ alg: algorithm, typ: 'JWT', kid: key?.kid, version: '5' })
  return () => {
    const input = `${header}.${encode(payload)}`
    const signature = sign('sha256', Buffer.from(input), signingKey)
    return `${input}.${signature.toString('base64url')}`
  }
}

function atOnce(run: Run): Run {
  return () => Promise.all(Array.from({ length: AT_ONCE }, run))
}

async function inMemory(algorithm: SigningAlgorithm): Promise<Comparison> {
  const { refresh, signOnly, close } = await openSides(memoryStore(), algorithm)
  const found = await compare(refresh, signOnly, { rounds: 31, requestsPerRound: 2000 })
  await close()
  return found
}

async function inStore(
  { start, connect }: DurableStore,
  algorithm: SigningAlgorithm
): Promise<Comparison> {
  const backend = await start()
  const { store, disconnect } = connect(backend.address)
  const { refresh, writeAndSign, close } = await openSides(store, algorithm)
  const effort = { rounds: 21, requestsPerRound: 4 }
  const { ratio, ...batches } = await compare(atOnce(refresh), atOnce(writeAndSign), effort)
  await close()
  await disconnect()
  await backend.stop()
  return {
    ratio,
    oursPerSecond: batches.oursPerSecond * AT_ONCE,
    otherPerSecond: batches.otherPerSecond * AT_ONCE
  }
}

const scenarios: { name: string; target: number; run: () => Promise<Comparison> }[] = []
for (const algorithm of ['RS256', 'ES256'] as const) {
  scenarios.push({
    name: `memory, ${algorithm}, against a signature`,
    target: 0.6,
    run: () => inMemory(algorithm)
  })
  for (const durable of durableStores.filter(({ skip }) => skip === false))
    scenarios.push({
      name: `${durable.name}, ${algorithm}, against a write and a signature`,
      target: 0.75,
      run: () => inStore(durable, algorithm)
    })
}

const lines = [
  `Measured on ${machine()}, by turns; medians. In memory one after the other, else ${AT_ONCE} at once.`,
  '',
  '| store | ours / other | target | ours, refreshes/s | other, /s |',
  '| --- | --- | --- | --- | --- |'
]
for (const { name, target, run } of scenarios) {
  const { ratio, oursPerSecond, otherPerSecond } = await run()
  const figures = [
    ratio.toFixed(2),
    `≥ ${target}`,
    oursPerSecond.toFixed(0),
    otherPerSecond.toFixed(0)
  ]
  lines.push(`| ${name} | ${figures.join(' | ')} |`)
}
await report('refresh', lines.join('\n'))
