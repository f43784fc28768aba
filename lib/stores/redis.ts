import { createHash, randomBytes } from 'node:crypto'
import { checkNames, integerWithin, OptionsError } from '../options/checks.ts'
import type {
  Revocation,
  RevocationPage,
  SessionPage,
  SessionRecord,
  SessionStore,
  StoredKey
} from './store.ts'

/** What is used of an ioredis client or cluster, as `@fastify/redis` decorates apps with. */
export interface IoredisClient {
  /** Runs a script that the server knows. */
  evalsha(sha1: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>
  /** Runs a script. */
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>
}

/** What is used of a node-redis client or cluster. */
export interface NodeRedisClient {
  /** Runs a script that the server knows. */
  evalSha(sha1: string, options: ScriptCall): Promise<unknown>
  /** Runs a script. */
  eval(script: string, options: ScriptCall): Promise<unknown>
  /** How many listen for `error` (Node's `EventEmitter`). */
  listenerCount?(event: 'error'): number
}

/** What is used of an ioredis client or cluster that waits for replicas. */
export interface IoredisPipelineClient extends IoredisClient {
  /** Commands that are sent together. */
  pipeline(commands: unknown[][]): {
    /** Sends the commands. */
    exec(): Promise<PipelineReply[] | null>
  }
}

type PipelineReply = [error: Error | null, reply: unknown]

/** What is used of a node-redis client, cluster or Sentinel that waits for replicas. */
export interface NodeRedisPipelineClient extends NodeRedisClient {
  /** Commands that are sent together. */
  multi(): NodeRedisPipeline
}

/** Commands that node-redis sends together on one connection. */
export interface NodeRedisPipeline {
  /** Runs a script. */
  eval(script: string, options: ScriptCall): NodeRedisPipeline
  /** Waits for replicas. */
  wait(replicas: number, timeoutMs: number): NodeRedisPipeline
  /** Sends the commands. */
  execAsPipeline(): Promise<unknown[]>
}

/** How node-redis is given the key and the arguments of a script. */
export interface ScriptCall {
  keys: string[]
  arguments: string[]
}

/** What `redisStore` takes. */
export interface RedisStoreOptions {
  /** Connected, or connecting. Closing it is left to the app. */
  readonly client: IoredisClient | NodeRedisClient
  /**
   * In front of every key, so that several apps can share a database.
   * @defaultValue 'supersession:'
   */
  readonly prefix?: string
  /**
   * Has revocations acknowledged only when replicas have them too, so that a failover to one of these
   * brings no revoked session back. Where too few replicas confirm in time the method rejects, and
   * the request is answered with 503; to revoke again is safe.
   * @defaultValue replicas are not waited for
   */
  readonly waitForReplicas?: WaitForReplicas
}

/** Who waits for replicas, for how many of them, and how long. */
export interface WaitForReplicas {
  /**
   * A client for revocations alone, such as `client.duplicate()`: Redis answers nothing else on a
   * connection that waits. Closing it is left to the app.
   */
  readonly client: IoredisPipelineClient | NodeRedisPipelineClient
  /** How many replicas have to confirm, from 1 to 100. @defaultValue 1 */
  readonly count?: number
  /** How long they have for it, milliseconds, from 1 to 5000. @defaultValue 1000 */
  readonly timeoutMs?: number
}

/**
 * Keeps sessions in Redis (from 6.2) or Valkey, alone or as a cluster.
 *
 * Each script touches one key, so a cluster runs it wherever that key is. Records expire by
 * themselves. What survives a crash or a failover is what Redis is configured to keep: set
 * `appendonly yes`, and `maxmemory-policy noeviction`.
 *
 * @throws OptionsError An option is unknown or of the wrong type.
 */
export function redisStore(options: RedisStoreOptions): SessionStore {
  checkNames(options, ['client', 'prefix', 'waitForReplicas'], 'redisStore')
  const { client, prefix = 'supersession:', waitForReplicas } = options
  if (typeof prefix !== 'string') throw new OptionsError('prefix', 'a string', prefix)
  return new RedisStore(prefix, {
    run: runnerOf(client, 'client'),
    runAndWait: waitForReplicas && waitingRunnerOf(waitForReplicas)
  })
}

/** A cursor that stands for no revocation: the id of an entry and its text. */
const START = '0-0 '

/** Handles, of which as many are under way at a time. */
const BATCH = 500

/** Tells two uses of one id apart. */
const MARK_BYTES = 9

class RedisStore implements SessionStore {
  readonly #prefix: string
  readonly #run: RunScript
  /** Resolves when enough replicas have what the script wrote. */
  readonly #runAndWait: RunScript | undefined

  constructor(
    prefix: string,
    { run, runAndWait }: { run: RunScript; runAndWait: RunScript | undefined }
  ) {
    this.#prefix = prefix
    this.#run = run
    this.#runAndWait = runAndWait
  }

  async insert(record: SessionRecord): Promise<void> {
    await this.#index(record)
    await this.#run(SET, this.#recordKey(record.handle), [encode(record), `${record.expiresAt}`])
  }

  async get(handle: string): Promise<SessionRecord | null> {
    const found = await this.#run(GET, this.#recordKey(handle), [])
    return found === null ? null : decode(String(found))
  }

  async replace(record: SessionRecord, expectedRevision: number): Promise<boolean> {
    await this.#index(record)
    const replaced = await this.#run(REPLACE, this.#recordKey(record.handle), [
      encode(record),
      `${record.expiresAt}`,
      `${expectedRevision}`
    ])
    return Number(replaced) === 1
  }

  async delete(handles: readonly string[]): Promise<string[]> {
    const deleted: SessionRecord[] = []
    for (const batch of batches(handles)) {
      const found = await this.#deleteAll(batch.map((handle) => this.#recordKey(handle)))
      const records = found.filter((text) => text !== null).map((text) => decode(String(text)))
      await Promise.all(records.map((record) => this.#unindex(record)))
      deleted.push(...records)
    }
    return deleted.map(({ handle }) => handle)
  }

  async listByUser(
    userId: string,
    nowMs: number,
    cursor: string | null,
    limit: number
  ): Promise<SessionPage> {
    const [score = '', handle = ''] = cursor === null ? [] : splitOnce(cursor, ' ')
    const page = (await this.#run(LIST, this.#userKey(userId), [
      handle,
      score,
      `${limit}`
    ])) as string[]
    const handles = page.filter((_, index) => index % 2 === 0)
    const found = await Promise.all(handles.map((one) => this.get(one)))
    await this.#confirmGone(handles.filter((_, index) => found[index] === null))
    return {
      records: found
        .filter((record) => record !== null)
        .filter(({ expiresAt }) => expiresAt > nowMs),
      next: handles.length < limit ? null : `${page.at(-1)} ${handles.at(-1)}`
    }
  }

  async addRevocations(revocations: readonly Revocation[]): Promise<void> {
    for (const batch of batches(revocations)) {
      const last = Math.max(...batch.map(({ until }) => until))
      const texts = batch.map((revocation) => JSON.stringify(revocation))
      const add = this.#runAndWait ?? this.#run
      await add(ADD_REVOCATIONS, this.#revocationsKey(), [`${last}`, ...texts])
    }
  }

  async revokedSince(cursor: string | null, limit: number): Promise<RevocationPage> {
    const after = cursor ?? START
    const found = (await this.#run(REVOKED_SINCE, this.#revocationsKey(), [
      ...splitOnce(after, ' '),
      `${limit + 1}`
    ])) as [id: string, fields: [name: string, text: string]][]
    const page = found.slice(0, limit)
    const last = page.at(-1)
    return {
      revocations: page.map(([, [, text]]) => JSON.parse(text)),
      cursor: last === undefined ? after : `${last[0]} ${last[1][1]}`,
      isLast: page.length === found.length
    }
  }

  /** Redis deletes records by itself, and keys and revocations have no end there. */
  async deleteExpired(nowMs: number, limit: number): Promise<number> {
    const keys = await this.#run(DELETE_ENDED_KEYS, this.#keysKey(), [`${nowMs}`, `${limit}`])
    const rest = limit - Number(keys)
    if (rest === 0) return limit
    const values = [`${nowMs}`, `${rest}`]
    return (
      Number(keys) + Number(await this.#run(DELETE_REVOCATIONS, this.#revocationsKey(), values))
    )
  }

  async listKeys(): Promise<StoredKey[]> {
    const texts = (await this.#run(LIST_KEYS, this.#keysKey(), [])) as string[]
    return texts.map((text) => JSON.parse(text))
  }

  async addKey(key: StoredKey, expectedNewestKid: string | null): Promise<boolean> {
    const expected = expectedNewestKid ?? ''
    const added = await this.#run(ADD_KEY, this.#keysKey(), [JSON.stringify(key), expected])
    return Number(added) === 1
  }

  async deleteKeys(kids: readonly string[]): Promise<void> {
    await this.#run(DELETE_KEYS, this.#keysKey(), kids)
  }

  async now(): Promise<number> {
    return Number(await this.#run(NOW, this.#keysKey(), []))
  }

  close(): void {}

  async #deleteAll(keys: readonly string[]): Promise<unknown[]> {
    const runAndWait = this.#runAndWait
    if (runAndWait === undefined) return Promise.all(keys.map((key) => this.#run(DELETE, key, [])))
    const deleted = (await Promise.all(
      keys.map((key) => this.#run(DELETE_FOR_REPLICAS, key, []))
    )) as DeletedForReplicas[]
    // A replica that has a later write of the same history has all that came before it.
    const keyOf = new Map(deleted.map(([, history], index) => [history, String(keys[index])]))
    await Promise.all(
      [...keyOf].map(async ([history, key]) => {
        const [, now] = (await runAndWait(DELETE_FOR_REPLICAS, key, [])) as DeletedForReplicas
        if (now !== history) throw new Error('Redis failed over while sessions were revoked')
      })
    )
    return deleted.map(([text]) => text)
  }

  /**
   * Handles without a record may be of revocations that too few replicas confirmed. Who asks for the
   * list to revoke them again has to wait for them again.
   */
  async #confirmGone(handles: readonly string[]): Promise<void> {
    if (this.#runAndWait === undefined) return
    await this.#deleteAll(handles.map((handle) => this.#recordKey(handle)))
  }

  /**
   * Always before the record: a crash in between leaves a handle in the index that has no record,
   * which a list passes over, and never a session that its user's list does not know.
   */
  async #index({ userId, handle, expiresAt }: SessionRecord): Promise<void> {
    await this.#run(INDEX, this.#userKey(userId), [`${expiresAt}`, handle])
  }

  async #unindex({ userId, handle }: SessionRecord): Promise<void> {
    await this.#run(UNINDEX, this.#userKey(userId), [handle])
  }

  async useOnce(id: string, until: number): Promise<boolean> {
    const key = `${this.#prefix}used:${id}`
    const mark = randomBytes(MARK_BYTES).toString('base64url')
    return Number(await this.#run(USE_ONCE, key, [`${until}`, mark])) === 1
  }

  #recordKey(handle: string): string {
    return `${this.#prefix}session:${handle}`
  }

  #userKey(userId: string): string {
    return `${this.#prefix}user:${userId}`
  }

  #keysKey(): string {
    return `${this.#prefix}keys`
  }

  #revocationsKey(): string {
    return `${this.#prefix}revocations`
  }
}

/** The revision and the end stand in front, so that scripts need not read JSON. */
function encode(record: SessionRecord): string {
  return `${record.revision} ${record.expiresAt} ${JSON.stringify(record)}`
}

function decode(text: string): SessionRecord {
  return JSON.parse(text.slice(text.indexOf('{')))
}

function* batches<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < list.length; start += BATCH) yield list.slice(start, start + BATCH)
}

function splitOnce(text: string, separator: string): [before: string, after: string] {
  const position = text.indexOf(separator)
  return [text.slice(0, position), text.slice(position + separator.length)]
}

/** Lua that touches one key, and the name that the server knows it by. */
interface Script {
  readonly text: string
  readonly sha1: string
}

function script(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}

const GET = script("return redis.call('GET', KEYS[1])")

const SET = script("return redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])")

const REPLACE = script(`
local found = redis.call('GET', KEYS[1])
if not found or string.match(found, '^%d+') ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 1`)

// A client that lost the answer may send the command again by itself, as ioredis does: it finds its mark.
const USE_ONCE = script(`
if redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PXAT', ARGV[1]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[2] then return 1 end
return 0`)

const DELETE = script("return redis.call('GETDEL', KEYS[1])")

type DeletedForReplicas = [text: string | null, history: string]

// Always writes, since WAIT waits for writes alone, and a first attempt may have deleted the record
// and not been confirmed. Redis names its history of writes anew at each failover.
const DELETE_FOR_REPLICAS = script(`
local found = redis.call('GETDEL', KEYS[1])
if not found then
  redis.call('SET', KEYS[1], '')
  redis.call('DEL', KEYS[1])
end
return {found, string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')}`)

// An end in the index is never before the record's own, so what has ended there is gone.
const DROP_ENDED = `
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', time[1] .. '000')`

const INDEX = script(`
redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[2])
${DROP_ENDED}
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if last[2] then redis.call('PEXPIREAT', KEYS[1], last[2]) end`)

const UNINDEX = script("return redis.call('ZREM', KEYS[1], ARGV[1])")

// Behind the handle that ended the page before; or, where that is gone or has moved, from its end on.
const LIST = script(`${DROP_ENDED}
local start = 0
if ARGV[1] ~= '' then
  if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then
    start = redis.call('ZRANK', KEYS[1], ARGV[1]) + 1
  else
    start = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[2])
  end
end
return redis.call('ZRANGE', KEYS[1], start, start + ARGV[3] - 1, 'WITHSCORES')`)

const ADD_REVOCATIONS = script(`
for index = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'revocation', ARGV[index]) end
local time = redis.call('TIME')
local left = redis.call('PTTL', KEYS[1])
if left < 0 or time[1] * 1000 + time[2] / 1000 + left < tonumber(ARGV[1]) then
  redis.call('PEXPIREAT', KEYS[1], ARGV[1])
end`)

// Behind the entry that was met last. Where that is gone all are met again: after a failover or
// FLUSHALL, and a clock that was set back, a new entry can have a lower id.
const REVOKED_SINCE = script(`
local start = ARGV[1]
local met = redis.call('XRANGE', KEYS[1], start, start)[1]
if not met or met[2][2] ~= ARGV[2] then start = '0-0' end
return redis.call('XRANGE', KEYS[1], '(' .. start, '+', 'COUNT', ARGV[3])`)

// The newest one stays, so that those who have met all of them find it, and do not start over.
const DELETE_REVOCATIONS = script(`
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local deleted = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[2])) do
  if entry[1] == newest[1] then break end
  if cjson.decode(entry[2][2])['until'] > tonumber(ARGV[1]) then break end
  deleted = deleted + redis.call('XDEL', KEYS[1], entry[1])
end
return deleted`)

// Named with a key, so that in a cluster all ask the same node.
const NOW = script(`
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000)`)

const LIST_KEYS = script("return redis.call('LRANGE', KEYS[1], 0, -1)")

const ADD_KEY = script(`
local kind = cjson.decode(ARGV[1]).kind
local newest = ''
for _, text in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local key = cjson.decode(text)
  if key.kind == kind then newest = key.kid break end
end
if newest ~= ARGV[2] then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[1])
return 1`)

const DELETE_ENDED_KEYS = script(`
local deleted = 0
for _, text in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local expiresAt = cjson.decode(text).expiresAt
  if expiresAt ~= cjson.null and expiresAt <= tonumber(ARGV[1]) and deleted < tonumber(ARGV[2]) then
    deleted = deleted + redis.call('LREM', KEYS[1], 1, text)
  end
end
return deleted`)

const DELETE_KEYS = script(`
local doomed = {}
for _, kid in ipairs(ARGV) do doomed[kid] = true end
for _, text in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if doomed[cjson.decode(text).kid] then redis.call('LREM', KEYS[1], 1, text) end
end`)

type RunScript = (script: Script, key: string, values: readonly string[]) => Promise<unknown>

/** Each client's way to run a script; its text travels only where the server does not know it. */
function runnerOf(client: unknown, option: string): RunScript {
  if (hasMethods<IoredisClient>(client, 'evalsha', 'eval'))
    return runner(
      (sha1, key, values) => client.evalsha(sha1, 1, key, ...values),
      (text, key, values) => client.eval(text, 1, key, ...values)
    )
  if (hasMethods<NodeRedisClient>(client, 'evalSha', 'eval')) {
    warnOfErrors(client, option)
    return runner(
      (sha1, key, values) => client.evalSha(sha1, { keys: [key], arguments: [...values] }),
      (text, key, values) => client.eval(text, { keys: [key], arguments: [...values] })
    )
  }
  throw new OptionsError(option, 'a client of ioredis or node-redis', client)
}

/** Of ioredis nobody has to be warned: it writes to the console what nobody hears. */
function warnOfErrors(client: NodeRedisClient, option: string): void {
  if (client.listenerCount?.('error') === 0)
    process.emitWarning(
      `Nobody listens for 'error' on ${option} of redisStore, so that a connection that breaks ends the process: client.on('error', (error) => app.log.error(error))`,
      { code: 'SUPERSESSION_REDIS_ERRORS' }
    )
}

/** Runs a script, and waits until enough replicas have what it wrote. */
function waitingRunnerOf(options: WaitForReplicas): RunScript {
  checkNames(options, ['client', 'count', 'timeoutMs'], 'waitForReplicas')
  const { client, count = 1, timeoutMs = 1000 } = options
  integerWithin(1, 100)(count, 'waitForReplicas.count')
  integerWithin(1, 5000)(timeoutMs, 'waitForReplicas.timeoutMs')
  const run = runnerOf(client, 'waitForReplicas.client')
  const callAndWait = callerAndWaiterOf(client)
  return async ({ text }, key, values) => {
    // A cluster's client follows a key that moved with commands, but not with pipelines.
    await run(NOW, key, [])
    const [reply, replicas] = await callAndWait(text, key, values, [count, timeoutMs])
    if (Number(replicas) < count)
      throw new Error(
        `A revocation has reached ${replicas} replicas within ${timeoutMs} ms, and waitForReplicas wants ${count}`
      )
    return reply
  }
}

type CallAndWait = (
  script: string,
  key: string,
  values: readonly string[],
  wait: [replicas: number, timeoutMs: number]
) => Promise<unknown[]>

/**
 * A pipeline, since WAIT knows the writes of its own connection only: where that breaks in between,
 * both clients reject a pipeline of which a part was answered, and send no WAIT alone.
 */
function callerAndWaiterOf(client: WaitForReplicas['client']): CallAndWait {
  if (hasMethods<IoredisPipelineClient>(client, 'pipeline'))
    return async (text, key, values, wait) => {
      const commands = [
        ['eval', text, 1, key, ...values],
        ['wait', ...wait]
      ]
      const replies = (await client.pipeline(commands).exec()) as PipelineReply[]
      return replies.map(([error, reply]) => {
        if (error !== null) failWithoutArguments(error)
        return reply
      })
    }
  return (text, key, values, wait) =>
    client
      .multi()
      .eval(text, { keys: [key], arguments: [...values] })
      .wait(...wait)
      .execAsPipeline()
}

type Call = (script: string, key: string, values: readonly string[]) => Promise<unknown>

function runner(callBySha1: Call, callByText: Call): RunScript {
  return async ({ sha1, text }, key, values) => {
    try {
      return await callBySha1(sha1, key, values)
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('NOSCRIPT'))
        return callByText(text, key, values).catch(failWithoutArguments)
      return failWithoutArguments(error)
    }
  }
}

/** ioredis names the command on its errors: sessions and keys, where a logger writes all of an error. */
function failWithoutArguments(error: unknown): never {
  if (error instanceof Error && 'command' in error) delete error.command
  throw error
}

function hasMethods<T>(value: unknown, ...names: readonly (keyof T)[]): value is T {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as T)[name] === 'function')
  )
}
