import { createHook } from 'node:async_hooks'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Test, test } from 'tap'
import { memoryStore, type SessionStore, type VerifySessionOptions } from '../../lib/index.ts'
import { lmdbStore } from '../../lib/stores/lmdb.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { newFolder } from '../builders/folder.ts'

// What a verified request costs, counted in what does not depend on the machine, so that a change
// that makes it dearer is seen. bench/verify.ts has what it takes in time.

const REPEATS = 500
/** A session object, what was read of the cookies and how they came, with room for other engines. */
const MAX_BYTES = 800

type Done = (error?: Error) => void

interface Counts {
  readonly promises: number
  readonly storeCalls: number
  readonly jsonTexts: number
}

/** Runs the hook of a route on one real request, over and over. */
async function countChecks(
  t: Test,
  { method, ...options }: { method: 'cookie' | 'header' } & VerifySessionOptions,
  store: SessionStore = memoryStore()
): Promise<{ counts: Counts; bytes: number }> {
  let storeCalls = 0
  const counted = new Proxy(store, {
    get(target, name: keyof SessionStore) {
      storeCalls++
      return target[name]?.bind(target)
    }
  })
  const { app } = await buildApp(t, { store: counted, antiCsrf: 'VIA_TOKEN' })
  const hook = app.verifySession(options)
  const verify = hook as (request: FastifyRequest, reply: FastifyReply, done: Done) => void
  const check = (request: FastifyRequest, reply: FastifyReply) => {
    let isDone = false
    verify(request, reply, (error) => {
      if (error !== undefined) throw error
      isDone = true
    })
    if (!isDone) throw new Error('the hook did not answer at once')
  }
  let found: { counts: Counts; bytes: number } | undefined
  app.get('/probe', { onRequest: hook }, async (request, reply) => {
    storeCalls = 0
    const others = countWhile(() => {
      for (let repeat = 0; repeat < REPEATS; repeat++) check(request, reply)
    })
    const counts = { ...others, storeCalls: storeCalls / REPEATS }
    found = { counts, bytes: medianBytes(() => check(request, reply)) }
    return {}
  })
  const client = new Client(app, method)
  await client.login()
  t.equal((await client.get('/probe')).statusCode, 200)
  if (found === undefined) throw new Error('nothing was counted')
  return found
}

/** Promises that are made, and JSON texts that are read or written, while something runs. */
function countWhile(run: () => void): { promises: number; jsonTexts: number } {
  const { parse, stringify } = JSON
  let promises = 0
  let jsonTexts = 0
  const watch = createHook({
    init(_id, type) {
      if (type === 'PROMISE') promises++
    }
  })
  watch.enable()
  JSON.parse = (...parameters) => {
    jsonTexts++
    return parse(...parameters)
  }
  JSON.stringify = ((...parameters: Parameters<typeof stringify>) => {
    jsonTexts++
    return stringify(...parameters)
  }) as typeof stringify
  try {
    run()
  } finally {
    watch.disable()
    JSON.parse = parse
    JSON.stringify = stringify
  }
  return { promises, jsonTexts }
}

/** What is allocated each time; the median, since the garbage collector may come in between. */
function medianBytes(run: () => void): number {
  // Code that is not optimised yet allocates more.
  for (let repeat = 0; repeat < 20 * REPEATS; repeat++) run()
  const rounds = Array.from({ length: 25 }, () => {
    const before = process.memoryUsage().heapUsed
    for (let repeat = 0; repeat < REPEATS; repeat++) run()
    return (process.memoryUsage().heapUsed - before) / REPEATS
  })
  return rounds.sort((a, b) => a - b)[12] as number
}

test('a known token costs no promise, no call of the store and no JSON', async (t) => {
  for (const method of ['header', 'cookie'] as const) {
    const { counts, bytes } = await countChecks(t, { method })
    t.same(counts, { promises: 0, storeCalls: 0, jsonTexts: 0 }, method)
    t.ok(bytes < MAX_BYTES, `${method}: ${Math.round(bytes)} bytes`)
  }
})

test('the anti-CSRF token costs nothing that is counted here', async (t) => {
  const { counts, bytes } = await countChecks(t, { method: 'cookie', antiCsrfCheck: true })
  t.same(counts, { promises: 0, storeCalls: 0, jsonTexts: 0 })
  t.ok(bytes < MAX_BYTES + 400, `${Math.round(bytes)} bytes`)
})

test('a check against a store in this process costs one call of it', async (t) => {
  const lmdb = lmdbStore({ path: await newFolder(t) })
  for (const store of [memoryStore(), lmdb]) {
    const { counts } = await countChecks(t, { method: 'header', checkDatabase: true }, store)
    // The first one writes the text of the claims, which is kept with the token.
    t.equal(counts.promises, 0)
    t.equal(counts.storeCalls, 1)
    t.ok(counts.jsonTexts <= 1, `${counts.jsonTexts} JSON texts in ${REPEATS} checks`)
  }
})
