import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createSentinel } from 'redis'
import { type Test, test } from 'tap'
import { redisStore } from '../../lib/stores/redis.ts'
import { newRecord } from '../builders/record.ts'
import { startReplication } from '../builders/redis-replication.ts'
import { MASTER_NAME, startSentinel } from '../builders/redis-sentinel.ts'
import { type RedisServer, redisKinds } from '../builders/redis-server.ts'

// Part of `npm run test:long`.

const SESSIONS = 1000

/** Opens a client of a Sentinel. */
const clients = {
  ioredis(t: Test, port: number): Redis {
    const client = new Redis({ sentinels: [{ host: '127.0.0.1', port }], name: MASTER_NAME })
    client.on('error', () => {})
    t.teardown(() => client.disconnect())
    return client
  },
  async 'node-redis'(t: Test, port: number) {
    const client = createSentinel({
      name: MASTER_NAME,
      sentinelRootNodes: [{ host: '127.0.0.1', port }]
    })
    client.on('error', () => {})
    await client.connect()
    t.teardown(() => client.destroy())
    return client
  }
}

for (const kind of redisKinds)
  for (const [name, connect] of Object.entries(clients)) {
    test(`no acknowledged revocation is lost with the master, where replicas are waited for (${name} on ${kind.name})`, {
      skip: kind.skip
    }, async (t) => {
      const { acknowledged, alive } = await revokeAndFailOver(t, true)
      t.comment({ acknowledged, alive })
      t.ok(acknowledged > 0)
      t.equal(alive, 0)
    })

    test(`revocations that replicas have not seen are lost with the master (${name} on ${kind.name})`, {
      skip: kind.skip
    }, async (t) => {
      const { acknowledged, alive } = await revokeAndFailOver(t, false)
      t.comment({ acknowledged, alive })
      t.ok(alive > 0)
    })

    /**
     * Revokes sessions while replicas lag and the master dies. Counts the acknowledged revocations,
     * and how many of these sessions live again.
     */
    async function revokeAndFailOver(t: Test, waits: boolean) {
      const replication = await startReplication(t, kind, 2)
      const port = await startSentinel(t, kind, replication)
      const client = await connect(t, port)
      const waitForReplicas = { client: await connect(t, port), count: 2, timeoutMs: 300 }
      const store = redisStore({ client, ...(waits && { waitForReplicas }) })
      const records = Array.from({ length: SESSIONS }, () => newRecord())
      await Promise.all(records.map((record) => store.insert(record)))

      const acknowledged: string[] = []
      let isMasterUp = true
      const revoke = async () => {
        while (isMasterUp) {
          const handle = records.pop()?.handle
          if (handle === undefined) return
          try {
            await store.delete([handle])
            acknowledged.push(handle)
          } catch {}
        }
      }
      const lag = async () => {
        while (acknowledged.length < SESSIONS / 4) {
          await pauseAll(replication.replicas, () => pause(40))
          await pause(10)
        }
        await pauseAll(replication.replicas, async () => {
          await fillSockets(replication.masterPort)
          await pause(100)
          await replication.master.crash()
        })
        isMasterUp = false
      }
      await Promise.all([revoke(), revoke(), lag()])

      let alive = 0
      for (const handle of acknowledged) if ((await ask(() => store.get(handle))) !== null) alive++
      return { acknowledged: acknowledged.length, alive }
    }
  }

async function pauseAll(servers: readonly RedisServer[], action: () => Promise<void>) {
  for (const server of servers) server.pause()
  await action()
  for (const server of servers) server.proceed()
}

/** Writes so much that what comes next waits in the memory of the master for replicas that stand still. */
async function fillSockets(masterPort: number): Promise<void> {
  const client = new Redis(masterPort)
  for (let count = 0; count < 40; count++) await client.set('large', 'x'.repeat(1_000_000))
  client.disconnect()
}

/** Asks until there is a master again. */
async function ask<T>(question: () => T | Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await question()
    } catch {
      await pause(50)
    }
  }
}
