import { randomUUID } from 'node:crypto'
import fastifyRedis from '@fastify/redis'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import t, { test } from 'tap'
import type { SessionStore, StoredKey } from '../../lib/index.ts'
import { type RedisStoreOptions, redisStore } from '../../lib/stores/redis.ts'
import { handlesOf } from '../builders/handles-of.ts'
import { newRecord } from '../builders/record.ts'
import { startReplication } from '../builders/redis-replication.ts'
import { type RedisKind, RedisServer, redisKinds } from '../builders/redis-server.ts'
import { testStoreContract } from './contract.ts'

const KEY: StoredKey = {
  kid: 'd-1',
  kind: 'dynamic',
  algorithm: 'ES256',
  createdAt: 1,
  expiresAt: null,
  material: 'm'
}
const newPrefix = () => `test ${randomUUID()}:`

for (const kind of redisKinds) await testRedisStore(kind)

async function testRedisStore(kind: RedisKind): Promise<void> {
  const { skip } = kind
  const server = skip ? undefined : await RedisServer.start(kind)
  const socket = String(server?.socket)
  t.teardown(() => server?.stop())

  const ioredis = [0, 1].map(() => new Redis(socket, { lazyConnect: true }))
  t.teardown(() => ioredis.map((client) => client.disconnect()))

  const nodeRedis = [0, 1].map(() => createClient({ socket: { path: socket, tls: false } }))
  for (const client of nodeRedis) client.on('error', () => {})
  if (!skip) for (const client of nodeRedis) await client.connect()
  t.teardown(() => skip || nodeRedis.map((client) => client.destroy()))

  const [redis] = ioredis as [Redis, Redis]

  /** A store of its own, with one session in it. */
  const openWithRecord = async () => {
    const prefix = newPrefix()
    const store = redisStore({ client: redis, prefix })
    const record = newRecord()
    await store.insert(record)
    return { prefix, store, record }
  }

  for (const [name, clients] of Object.entries({ ioredis, 'node-redis': nodeRedis }))
    testStoreContract(
      `redisStore with ${name} on ${kind.name}`,
      () => {
        const prefix = newPrefix()
        let opened = 0
        return () => redisStore({ client: clients[opened++ % 2] as Redis, prefix })
      },
      skip
    )

  test(`@fastify/redis's client of ${kind.name} is taken as it is`, { skip }, async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(fastifyRedis, { path: socket })
    const store = redisStore({ client: app.redis })
    const record = newRecord()
    await store.insert(record)
    t.same(await store.get(record.handle), record)
    t.same(await redis.keys('supersession:*').then((keys) => keys.sort()), [
      `supersession:session:${record.handle}`,
      `supersession:user:${record.userId}`
    ])
  })

  test(`a server that forgot the scripts is told them again (${kind.name})`, {
    skip
  }, async (t) => {
    const { store, record } = await openWithRecord()
    await redis.script('FLUSH')
    t.same(await store.get(record.handle), record)
  })

  test(`a use that is sent again, since its answer was lost, is the first one (${kind.name})`, {
    skip
  }, async (t) => {
    const sentTwice = {
      async evalsha(...args: Parameters<Redis['evalsha']>) {
        await redis.evalsha(...args)
        return redis.evalsha(...args)
      },
      eval: redis.eval.bind(redis)
    }
    const prefix = newPrefix()
    const until = Date.now() + 60_000
    t.equal(await redisStore({ client: redis, prefix }).useOnce?.('known', until), true)
    const store = redisStore({ client: sentTwice as Redis, prefix })
    t.equal(await store.useOnce?.('id', until), true)
    t.equal(await store.useOnce?.('id', until), false)
  })

  test(`a client that answers numbers as texts is understood (${kind.name})`, {
    skip
  }, async (t) => {
    const client = new Redis(socket, { stringNumbers: true })
    t.teardown(() => client.disconnect())
    const store = redisStore({ client, prefix: newPrefix() })
    const record = newRecord()
    await store.insert(record)
    t.equal(await store.replace({ ...record, revision: 1 }, 0), true)
    t.equal(await store.addKey(KEY, null), true)
  })

  test(`what is wrong at the server rejects (${kind.name})`, { skip }, async (t) => {
    const prefix = newPrefix()
    const store = redisStore({ client: redis, prefix })
    await redis.hset(`${prefix}session:h`, 'not', 'a text')
    await t.rejects(async () => store.get('h'), /WRONGTYPE/)
  })

  test(`an error has no argument of its command (${kind.name})`, { skip }, async (t) => {
    const prefix = newPrefix()
    const store = redisStore({ client: redis, prefix })
    const waiting = redisStore({
      client: redis,
      prefix,
      waitForReplicas: { client: redis, timeoutMs: 1 }
    })
    for (const name of ['keys', 'revocations']) await redis.set(prefix + name, 'no list')
    const calls = {
      script: () => store.addKey({ ...KEY, material: 'a secret' }, null),
      pipeline: () => waiting.addRevocations?.([{ handle: 'a secret', until: Date.now() + 60_000 }])
    }
    for (const [name, call] of Object.entries(calls))
      for (const attempt of [1, 2]) {
        await redis.script('FLUSH')
        if (attempt === 2) await t.rejects(async () => call())
        const error = await Promise.resolve(call()).catch((thrown: unknown) => thrown)
        t.match(error, /WRONGTYPE/, name)
        t.notMatch(JSON.stringify({ ...(error as object) }), /a secret/, name)
      }
  })

  test(`records expire by themselves at the time that they say (${kind.name})`, {
    skip
  }, async (t) => {
    const { prefix, store, record } = await openWithRecord()
    t.equal(await redis.pexpiretime(`${prefix}session:${record.handle}`), record.expiresAt)
    const later = { ...record, expiresAt: record.expiresAt + 5000, revision: 1 }
    await store.replace(later, 0)
    t.equal(await redis.pexpiretime(`${prefix}session:${record.handle}`), later.expiresAt)
    t.equal(await redis.pexpiretime(`${prefix}user:${record.userId}`), later.expiresAt)
    await store.replace({ ...later, expiresAt: Date.now() - 1, revision: 2 }, 1)
    t.equal(await store.get(record.handle), null)
  })

  test(`the list of a user passes over what has no record, and drops what has ended (${kind.name})`, {
    skip
  }, async (t) => {
    const { prefix, store, record } = await openWithRecord()
    const index = `${prefix}user:${record.userId}`
    const crashed = `crashed ${randomUUID()}`
    await redis.zadd(index, `${record.expiresAt}`, crashed, `${Date.now() - 5000}`, 'ended')
    t.same(await handlesOf(store, record.userId), [record.handle])
    t.same(await redis.zrange(index, '0', '-1'), [record.handle, crashed].sort())
  })

  test(`a thousand sessions of one user are listed and revoked (${kind.name})`, {
    skip
  }, async (t) => {
    const prefix = newPrefix()
    const store = redisStore({ client: redis, prefix })
    const userId = 'ada'
    const records = Array.from({ length: 1001 }, () => newRecord({ userId }))
    await Promise.all(records.map((record) => store.insert(record)))
    const handles = await handlesOf(store, userId)
    t.equal(handles.length, 1001)
    t.equal((await store.delete(handles)).length, 1001)
    t.same(await redis.keys(`${prefix}*`), [])
  })

  test(`revocations go with the last of them (${kind.name})`, { skip }, async (t) => {
    const prefix = newPrefix()
    const store = redisStore({ client: redis, prefix })
    const until = Date.now() + 60_000
    const expiry = async () => redis.pexpiretime(`${prefix}revocations`)
    await store.addRevocations?.([
      { handle: 'a', until },
      { handle: 'b', until: until - 10 }
    ])
    t.equal(await expiry(), until)
    await store.addRevocations?.([{ handle: 'c', until: until - 10 }])
    t.equal(await expiry(), until)
    await store.addRevocations?.([{ userId: 'ada', createdBefore: 1, until: until + 10 }])
    t.equal(await expiry(), until + 10)
  })

  test(`revocations are met that a server tells which lost others and whose clock is slow (${kind.name})`, {
    skip
  }, async (t) => {
    const prefix = newPrefix()
    const stream = `${prefix}revocations`
    const store = redisStore({ client: redis, prefix })
    const until = Date.now() + 60_000
    await store.addRevocations?.([{ handle: 'lost', until }])
    const { cursor = '' } = (await store.revokedSince?.(null, 10)) ?? {}
    await redis.del(stream)
    t.match(await store.revokedSince?.(cursor, 10), { revocations: [], isLast: true })
    await redis.xadd(stream, '1-1', 'revocation', JSON.stringify({ handle: 'slow', until }))
    await store.addRevocations?.([{ handle: 'later', until }])
    const page = await store.revokedSince?.(cursor, 10)
    t.match(page, { revocations: [{ handle: 'slow' }, { handle: 'later' }], isLast: true })
  })

  test(`a revocation is acknowledged when a replica has it (${kind.name})`, {
    skip
  }, async (t) => {
    const { masterPort, replicas } = await startReplication(t, kind, 1)
    const client = new Redis(masterPort)
    const waitingIoredis = client.duplicate()
    const nodeRedis = createClient({ socket: { port: masterPort } })
    await nodeRedis.connect()
    const replica = new Redis(String(replicas[0]?.socket))
    t.teardown(() => {
      nodeRedis.destroy()
      for (const one of [client, waitingIoredis, replica]) one.disconnect()
    })
    for (const waiting of [waitingIoredis, nodeRedis]) {
      const waitingFor = (timeoutMs: number) =>
        redisStore({ client, waitForReplicas: { client: waiting, timeoutMs } })
      const [store, impatient] = [waitingFor(5000), waitingFor(50)]
      const [first, second] = [newRecord(), newRecord()]
      for (const record of [first, second]) await store.insert(record)

      t.same(await store.delete([first.handle]), [first.handle])
      t.equal(await replica.exists(`supersession:session:${first.handle}`), 0)

      replicas[0]?.pause()
      const revoke = async () => impatient.delete([second.handle])
      await t.rejects(revoke, /0 replicas within 50 ms, and waitForReplicas wants 1/)
      await t.rejects(revoke, /0 replicas/, 'although it is deleted at the master already')
      const list = (from: SessionStore) => from.listByUser(second.userId, Date.now(), null, 10)
      await t.rejects(
        async () => list(impatient),
        /0 replicas/,
        'a list that is read to revoke it again'
      )
      const revocation = { handle: second.handle, until: Date.now() + 1000 }
      await t.rejects(async () => impatient.addRevocations?.([revocation]), /0 replicas/)
      t.equal(await store.get(second.handle), null, 'others do not wait')
      replicas[0]?.proceed()
      await store.delete([second.handle])
      t.same(await list(store), { records: [], next: null })
      await store.addRevocations?.([revocation])
      t.equal(await replica.exists(`supersession:session:${second.handle}`), 0)
    }
  })

  test(`a revocation rejects where another server confirms it, or none can (${kind.name})`, {
    skip
  }, async (t) => {
    const { masterPort, replicas } = await startReplication(t, kind, 1)
    const other = new Redis(masterPort)
    const replica = new Redis(String(replicas[0]?.socket))
    t.teardown(() => [other, replica].map((client) => client.disconnect()))
    const revokeWith = async (client: Redis) =>
      redisStore({ client: redis, waitForReplicas: { client } }).delete(['h'])
    await t.rejects(revokeWith(other), /failed over/)
    await t.rejects(revokeWith(replica), /READONLY/)
  })

  test(`each script touches one key, so that a cluster runs it (${kind.name})`, {
    skip
  }, async (t) => {
    const cluster = await RedisServer.start(kind, '--cluster-enabled', 'yes')
    t.teardown(() => cluster.stop())
    const client = new Redis(cluster.socket)
    t.teardown(() => client.disconnect())
    await client.cluster('ADDSLOTSRANGE', 0, 16_383)
    while (!(await client.cluster('INFO')).includes('cluster_state:ok'));
    const store = redisStore({ client })
    const records = [newRecord({ userId: '{a}' }), newRecord({ userId: '{a}' })]
    for (const record of records) await store.insert(record)
    const handles = records.map(({ handle }) => handle)
    t.same((await handlesOf(store, '{a}', 0)).sort(), handles.toSorted())
    t.same((await store.delete(handles)).sort(), handles.toSorted())
    t.same(await store.listKeys(), [])
  })
}

test('a client of node-redis whose errors nobody hears is warned of', async (t) => {
  const warnings: string[] = []
  const onWarning = (warning: Error & { code?: string }) => void warnings.push(String(warning.code))
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const heard = createClient()
  heard.on('error', () => {})
  for (const client of [heard, createClient(), new Redis({ lazyConnect: true })])
    redisStore({ client: client as Redis })
  await new Promise((resolve) => setImmediate(resolve))
  t.same(warnings, ['SUPERSESSION_REDIS_ERRORS'])
})

test('options that do not fit are refused by name', (t) => {
  const isRefused = (options: unknown, option: string) =>
    t.throws(() => redisStore(options as RedisStoreOptions), new RegExp(`Option '${option}'`))
  for (const other of [undefined, null, {}]) isRefused({ client: other }, 'client')
  const client = new Redis({ lazyConnect: true })
  isRefused({ client, prefix: 1 }, 'prefix')
  isRefused({ client, ttl: 1 }, 'redisStore.ttl')
  const isRefusedWaiting = (waitForReplicas: unknown, option: string) =>
    isRefused({ client, waitForReplicas }, `waitForReplicas${option}`)
  isRefusedWaiting(1, '')
  isRefusedWaiting({ client: {} }, '.client')
  isRefusedWaiting({ client, count: 0 }, '.count')
  isRefusedWaiting({ client, timeoutMs: 5001 }, '.timeoutMs')
  isRefusedWaiting({ client, replicas: 1 }, '.replicas')
  t.end()
})
