import fastifyPostgres from '@fastify/postgres'
import fastifyRedis from '@fastify/redis'
import Fastify from 'fastify'
import { Cluster, Redis } from 'ioredis'
import pg from 'pg'
import { createClient, createCluster, createSentinel } from 'redis'
import { expect, test } from 'tstyche'
import type { SessionStore } from '../lib/index.ts'
import { lmdbStore } from '../lib/stores/lmdb.ts'
import { type PostgresStore, postgresStore } from '../lib/stores/postgres.ts'
import { redisStore } from '../lib/stores/redis.ts'

const app = Fastify()
app.register(fastifyRedis)
app.register(fastifyPostgres)

test('redisStore takes clients and clusters of both drivers, and that of @fastify/redis', () => {
  expect(redisStore({ client: new Redis() })).type.toBe<SessionStore>()
  expect(redisStore({ client: new Cluster([]) })).type.toBe<SessionStore>()
  expect(redisStore({ client: app.redis, prefix: 'app:' })).type.toBe<SessionStore>()
  expect(redisStore({ client: createClient() })).type.toBe<SessionStore>()
  expect(redisStore({ client: createCluster({ rootNodes: [] }) })).type.toBe<SessionStore>()
  expect(redisStore).type.not.toBeCallableWith({ client: new Map() })
})

test('redisStore waits for replicas with clients, clusters and Sentinel clients of both drivers', () => {
  const client = new Redis()
  const sentinel = createSentinel({ name: 'main', sentinelRootNodes: [] })
  expect(redisStore({ client: sentinel })).type.toBe<SessionStore>()
  for (const waiting of [
    client.duplicate(),
    new Cluster([]),
    createClient(),
    createCluster({ rootNodes: [] }),
    sentinel
  ])
    expect(redisStore({ client, waitForReplicas: { client: waiting } })).type.toBe<SessionStore>()
  expect(redisStore).type.not.toBeCallableWith({ client, waitForReplicas: { count: 1 } })
})

test('postgresStore takes pools and clients of pg, and @fastify/postgres', () => {
  expect(postgresStore({ client: new pg.Pool() })).type.toBe<PostgresStore>()
  expect(postgresStore({ client: new pg.Client() })).type.toBe<PostgresStore>()
  expect(postgresStore({ client: app.pg, table: 'auth.s' })).type.toBe<PostgresStore>()
  expect(postgresStore).type.not.toBeCallableWith({ client: new Map() })
})

test('lmdbStore takes a path', () => {
  expect(lmdbStore({ path: 'sessions' })).type.toBe<SessionStore>()
  expect(lmdbStore).type.not.toBeCallableWith({})
})
