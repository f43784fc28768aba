import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type {
  Awaitable,
  Revocation,
  RevocationPage,
  SessionPage,
  SessionRecord,
  SessionStore,
  StoredKey
} from '../stores/store.ts'

/** Opens a store on one backend, which is empty at first: the second one sees what the first did. */
export type OpenStore = () => Awaitable<SessionStore>

/** One promise of the store contract. */
export interface StoreContractCase {
  /** A sentence in the present tense. */
  readonly name: string
  /** Rejects with an `AssertionError` where the store does not keep the promise. */
  readonly run: (openStore: OpenStore) => Promise<void>
}

const HOUR_MS = 3_600_000
const CONTENDERS = 40

/** Texts that quoting, encodings and fixed lengths get wrong. */
const UNUSUAL_TEXTS = [
  `it's "quoted" \\ back\\\\slashed; -- $1 {tag} %s`,
  'zwölf Boxkämpfer 真实 🗝️ \u202e\u0301',
  '\r\n\t \u0001\u007f\u2028',
  'a'.repeat(500),
  '🗝'.repeat(250)
]

/**
 * What every store promises, one case each, for any test runner: call `run` with a function that
 * opens stores on an empty backend of its own, and `name` the test.
 *
 * ```js
 * for (const { name, run } of storeContract) test(name, () => run(() => myStore({ client })))
 * ```
 */
export const storeContract: readonly StoreContractCase[] = [
  promise('a record that was inserted is answered as it was', async ({ store }) => {
    const record = newRecord()
    await store.insert(record)
    assert.deepEqual(await store.get(record.handle), record)
  }),

  promise('every state of rotation is answered as it was', async ({ store }) => {
    const record = newRecord()
    await store.insert(record)
    for (const [index, rotation] of rotations().entries()) {
      const next = { ...record, rotation, revision: index + 1 }
      assert.equal(await store.replace(next, index), true)
      assert.deepEqual(await store.get(record.handle), next)
    }
  }),

  promise('an unknown handle is null', async ({ store }) => {
    await store.insert(newRecord())
    assert.equal(await store.get(randomUUID()), null)
  }),

  promise('records of tenants live under their whole handle', async ({ store }) => {
    const uuid = randomUUID()
    const [plain, tenant] = [newRecord({ handle: uuid }), newRecord({ handle: `${uuid}_blue` })]
    await store.insert(plain)
    await store.insert(tenant)
    assert.deepEqual(await store.get(plain.handle), plain)
    assert.deepEqual(await store.get(tenant.handle), tenant)
  }),

  promise('unusual texts are kept to the character', async ({ store }) => {
    for (const text of UNUSUAL_TEXTS) {
      const json = JSON.stringify({ [text]: text })
      const record = newRecord({ userId: text, sessionData: json, payload: json, device: json })
      await store.insert(record)
      assert.deepEqual(await store.get(record.handle), record)
      assert.deepEqual(await listOf(store, text), [record.handle])
    }
  }),

  promise('a hundred kilobytes of session data are kept', async ({ store }) => {
    const record = newRecord({ sessionData: JSON.stringify({ text: 'ä'.repeat(50_000) }) })
    await store.insert(record)
    assert.deepEqual(await store.get(record.handle), record)
  }),

  promise('replace writes where the revision is the expected one', async ({ store }) => {
    const record = newRecord()
    await store.insert(record)
    const next: SessionRecord = {
      ...record,
      expiresAt: record.expiresAt + HOUR_MS,
      sessionData: '{"a":1}',
      payload: '{"b":2}',
      keyKind: 'static',
      revision: 1
    }
    assert.equal(await store.replace(next, 0), true)
    assert.deepEqual(await store.get(record.handle), next)
  }),

  promise('replace writes nothing where the revision is another one', async ({ store }) => {
    const record = newRecord({ revision: 7 })
    await store.insert(record)
    for (const expected of [0, 6, 8])
      assert.equal(await store.replace({ ...record, payload: '{}', revision: 8 }, expected), false)
    assert.deepEqual(await store.get(record.handle), record)
  }),

  promise('replace brings no deleted record back', async ({ store }) => {
    const record = newRecord()
    await store.insert(record)
    await store.delete([record.handle])
    assert.equal(await store.replace({ ...record, revision: 1 }, 0), false)
    assert.equal(await store.get(record.handle), null)
    assert.deepEqual(await listOf(store, record.userId), [])
  }),

  promise('of many replaces that expect one revision exactly one wins', async (stores) => {
    const record = newRecord()
    await stores.store.insert(record)
    const attempts = Array.from({ length: CONTENDERS }, async (_, index) => {
      const next = { ...record, payload: JSON.stringify({ index }), revision: 1 }
      return (await alternate(stores, index).replace(next, 0)) ? next : null
    })
    const winners = (await Promise.all(attempts)).filter((winner) => winner !== null)
    assert.equal(winners.length, 1)
    assert.deepEqual(await stores.store.get(record.handle), winners[0])
  }),

  promise('changes that start over when they lose are all there in the end', async (stores) => {
    const record = newRecord({ sessionData: '0' })
    await stores.store.insert(record)
    const count = async (store: SessionStore): Promise<void> => {
      for (;;) {
        const found = (await store.get(record.handle)) as SessionRecord
        const sessionData = String(Number(found.sessionData) + 1)
        const next = { ...found, sessionData, revision: found.revision + 1 }
        if (await store.replace(next, found.revision)) return
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, index) => count(alternate(stores, index))))
    const { sessionData, revision } = (await stores.store.get(record.handle)) as SessionRecord
    assert.deepEqual({ sessionData, revision }, { sessionData: '20', revision: 20 })
  }),

  promise('delete answers the handles that existed', async ({ store }) => {
    const [kept, ...gone] = [newRecord(), newRecord(), newRecord()] as const
    for (const record of [kept, ...gone]) await store.insert(record)
    const handles = gone.map(({ handle }) => handle)
    assert.deepEqual((await store.delete([randomUUID(), ...handles])).sort(), handles.sort())
    for (const handle of handles) assert.equal(await store.get(handle), null)
    assert.deepEqual(await store.get(kept.handle), kept)
  }),

  promise('deleting nothing, and what is gone, answers nothing', async ({ store }) => {
    const record = newRecord()
    await store.insert(record)
    await store.delete([record.handle])
    assert.deepEqual(await store.delete([]), [])
    assert.deepEqual(await store.delete([record.handle]), [])
  }),

  promise('of many deletes of one handle exactly one answers it', async (stores) => {
    const record = newRecord()
    await stores.store.insert(record)
    const answers = await Promise.all(
      Array.from({ length: CONTENDERS }, (_, index) =>
        alternate(stores, index).delete([record.handle])
      )
    )
    assert.deepEqual(answers.flat(), [record.handle])
  }),

  promise('many handles that others delete in another order leave none', async (stores) => {
    const records = Array.from({ length: 200 }, () => newRecord())
    await Promise.all(records.map((record) => stores.store.insert(record)))
    const handles = records.map(({ handle }) => handle)
    const answers = await Promise.all([
      stores.store.delete(handles),
      stores.other.delete(handles.toReversed())
    ])
    assert.deepEqual(answers.flat().sort(), handles.sort())
    for (const handle of handles) assert.equal(await stores.store.get(handle), null)
  }),

  promise('a user has their own sessions, whole, in pages of the limit', async ({ store }) => {
    const userId = `user ${randomUUID()}`
    const records = Array.from({ length: 7 }, () => newRecord({ userId }))
    for (const record of [...records, newRecord()]) await store.insert(record)
    const met = new Map<string, SessionRecord>()
    for await (const page of pagesOf(store, userId, Date.now(), 3)) {
      assert.ok(page.length <= 3, `${page.length} are more than the limit`)
      for (const record of page) met.set(record.handle, record)
    }
    assert.equal(met.size, records.length)
    for (const record of records) assert.deepEqual(met.get(record.handle), record)
  }),

  promise('a session is met whose end moves while its list is read', async ({ store }) => {
    const userId = `user ${randomUUID()}`
    const records = Array.from({ length: 9 }, () => newRecord({ userId }))
    for (const record of records) await store.insert(record)
    const met = new Set<string>()
    const move = async (handle: string | undefined, byMs: number) => {
      const found = handle === undefined ? null : await store.get(handle)
      if (found === null) return
      const expiresAt = found.expiresAt + byMs
      await store.replace({ ...found, expiresAt, revision: found.revision + 1 }, found.revision)
    }
    for await (const page of pagesOf(store, userId, Date.now(), 2)) {
      for (const { handle } of page) met.add(handle)
      const left = records.map(({ handle }) => handle).filter((handle) => !met.has(handle))
      await move(page.at(-1)?.handle, HOUR_MS)
      await move(left[0], HOUR_MS)
      await move(left.at(-1), -HOUR_MS / 10)
    }
    assert.equal(met.size, records.length)
  }),

  promise('a list that is deleted page by page is met whole', async ({ store }) => {
    const userId = `user ${randomUUID()}`
    const records = Array.from({ length: 9 }, () => newRecord({ userId }))
    for (const record of records) await store.insert(record)
    const deleted: string[] = []
    for await (const page of pagesOf(store, userId, Date.now(), 2))
      deleted.push(...(await store.delete(page.map(({ handle }) => handle))))
    assert.deepEqual(deleted.sort(), records.map(({ handle }) => handle).sort())
    assert.deepEqual(await listOf(store, userId), [])
  }),

  promise('a list holds no session that has ended or was deleted', async ({ store }) => {
    const userId = `user ${randomUUID()}`
    const nowMs = Date.now() + HOUR_MS
    const [ended, live, deleted] = [
      newRecord({ userId, expiresAt: nowMs }),
      newRecord({ userId, expiresAt: nowMs + 1 }),
      newRecord({ userId, expiresAt: nowMs + 2 })
    ]
    for (const record of [ended, live, deleted]) await store.insert(record)
    await store.delete([deleted.handle])
    assert.deepEqual(await listOf(store, userId, nowMs), [live.handle])
    assert.deepEqual(await listOf(store, userId, nowMs + 1), [])
  }),

  promise('an unknown user has no sessions', async ({ store }) => {
    await store.insert(newRecord())
    assert.deepEqual(await listOf(store, randomUUID(), 0), [])
  }),

  promise('sessions that one user opens at the same time are all listed', async (stores) => {
    const userId = `user ${randomUUID()}`
    const records = Array.from({ length: CONTENDERS }, () => newRecord({ userId }))
    await Promise.all(records.map((record, index) => alternate(stores, index).insert(record)))
    const listed = await listOf(stores.store, userId)
    assert.deepEqual(listed.sort(), records.map(({ handle }) => handle).sort())
  }),

  promise('what has expired is deleted, never more at once than the limit', async ({ store }) => {
    // A little ago, so that a backend with a clock of its own agrees.
    const nowMs = Date.now() - 5
    const expired = Array.from({ length: 7 }, (_, age) => newRecord({ expiresAt: nowMs - age }))
    const live = [newRecord(), newRecord()]
    for (const record of [...expired, ...live]) await store.insert(record)
    let before = await countOf(store, expired)
    for (let deleted = 3; deleted === 3; ) {
      deleted = await store.deleteExpired(nowMs, 3)
      const after = await countOf(store, expired)
      assert.ok(deleted <= 3, `${deleted} are more than the limit`)
      assert.equal(deleted, before - after)
      before = after
    }
    assert.equal(before, 0)
    for (const record of live) assert.deepEqual(await store.get(record.handle), record)
  }),

  promise('a session whose end moved is not deleted at its former end', async ({ store }) => {
    const record = newRecord()
    await store.insert(record)
    const next = { ...record, expiresAt: record.expiresAt + HOUR_MS, revision: 1 }
    await store.replace(next, 0)
    assert.equal(await store.deleteExpired(record.expiresAt, 10), 0)
    assert.deepEqual(await store.get(record.handle), next)
  }),

  promise('two that delete what has expired count each record once', async ({ store, other }) => {
    const nowMs = Date.now()
    const keys = Array.from({ length: 20 }, () => newKey({ expiresAt: nowMs }))
    await addAll(store, keys)
    const counts = await Promise.all([
      store.deleteExpired(nowMs, 50),
      other.deleteExpired(nowMs, 50)
    ])
    const rest = await store.deleteExpired(nowMs, 50)
    assert.equal(counts[0] + counts[1] + rest, keys.length)
    assert.deepEqual(await store.listKeys(), [])
  }),

  promise('keys expire like records, but for those without an end', async ({ store }) => {
    const nowMs = Date.now()
    const [ended, live, endless] = [
      newKey({ expiresAt: nowMs }),
      newKey({ expiresAt: nowMs + 1 }),
      newKey({ kind: 'static', expiresAt: null })
    ]
    await addAll(store, [ended, live, endless])
    assert.equal(await store.deleteExpired(nowMs, 10), 1)
    assert.deepEqual(await store.listKeys(), [endless, live])
  }),

  promise('keys count towards the limit', async ({ store }) => {
    const keys = Array.from({ length: 5 }, () => newKey({ expiresAt: 1 }))
    await addAll(store, keys)
    const counts: number[] = []
    for (let batch = 0; batch < 4; batch++) counts.push(await store.deleteExpired(2, 2))
    assert.deepEqual(counts, [2, 2, 1, 0])
  }),

  promise('keys are listed as they were, newest first', async ({ store }) => {
    const keys = [
      newKey({ kind: 'refresh', algorithm: 'HS256', expiresAt: null }),
      newKey(),
      // The order is that of adding: clocks of processes differ.
      newKey({ createdAt: 5 }),
      newKey({ kind: 'static', material: UNUSUAL_TEXTS.join('\n') })
    ]
    assert.deepEqual(await store.listKeys(), [])
    await addAll(store, keys)
    assert.deepEqual(await store.listKeys(), keys.toReversed())
  }),

  promise('a key is added only after the newest of its own kind', async ({ store }) => {
    const [first, second, foreign] = [newKey(), newKey(), newKey({ kind: 'static' })]
    assert.equal(await store.addKey(first, 'another'), false)
    assert.equal(await store.addKey(first, null), true)
    assert.equal(await store.addKey(second, null), false)
    assert.equal(await store.addKey(foreign, first.kid), false)
    assert.equal(await store.addKey(foreign, null), true)
    assert.equal(await store.addKey(second, foreign.kid), false)
    assert.equal(await store.addKey(second, first.kid), true)
    assert.equal(await store.addKey(newKey(), first.kid), false)
    assert.deepEqual(await store.listKeys(), [second, foreign, first])
  }),

  promise(
    'after the last key of a kind has expired the next one is the first',
    async ({ store }) => {
      await addAll(store, [newKey({ expiresAt: 1 }), newKey({ expiresAt: 1 })])
      await store.deleteExpired(1, 10)
      const next = newKey()
      assert.equal(await store.addKey(next, null), true)
      assert.deepEqual(await store.listKeys(), [next])
    }
  ),

  promise(
    'a deleted key is gone, and the next one comes after those that are left',
    async (stores) => {
      const { store, other } = stores
      const [first, second, foreign] = [newKey(), newKey(), newKey({ kind: 'static' })]
      await addAll(store, [first, second, foreign])
      await store.deleteKeys([second.kid, 'unknown'])
      await store.deleteKeys([])
      assert.deepEqual(await other.listKeys(), [foreign, first])
      assert.equal(await other.addKey(newKey(), second.kid), false)
      const third = newKey()
      assert.equal(await other.addKey(third, first.kid), true)
      await store.deleteKeys([third.kid, first.kid])
      assert.equal(await store.addKey(first, null), true)
      assert.deepEqual(await other.listKeys(), [first, foreign])
    }
  ),

  promise('of many who add the first key of a kind exactly one does', async (stores) => {
    await onlyOneAdds(stores, null)
  }),

  promise('of many who add the next key of a kind exactly one does', async (stores) => {
    const first = newKey()
    await stores.store.addKey(first, null)
    await onlyOneAdds(stores, first.kid)
  }),

  promise('nobody changes what is stored through what they gave or were given', async (stores) => {
    const { store } = stores
    const [record, key] = [newRecord({ rotation: rotations()[1] as never }), newKey()]
    const [given, givenKey] = [structuredClone(record), { ...key }]
    await store.insert(given)
    await store.addKey(givenKey, null)
    scribble(given)
    scribble(givenKey)
    scribble(await store.get(record.handle))
    scribble((await store.listKeys())[0])
    ;(await store.listKeys()).length = 0
    scribble((await store.listByUser(record.userId, 0, null, 10)).records[0])
    assert.deepEqual(await store.get(record.handle), record)
    assert.deepEqual(await store.listKeys(), [key])
    assert.deepEqual(await listOf(store, record.userId, 0), [record.handle])
  }),

  promise('what one instance did another one sees at once', async ({ store, other }) => {
    const [record, key] = [newRecord(), newKey()]
    await store.insert(record)
    const next = { ...record, payload: '{"seen":true}', revision: 1 }
    assert.equal(await other.replace(next, 0), true)
    assert.deepEqual(await store.get(record.handle), next)
    assert.deepEqual(await listOf(other, record.userId, 0), [record.handle])
    assert.deepEqual(await other.delete([record.handle]), [record.handle])
    assert.equal(await store.get(record.handle), null)
    await store.addKey(key, null)
    assert.deepEqual(await other.listKeys(), [key])
  }),

  promise(
    'what was just read as missing is there for all who read after it came',
    async (stores) => {
      for (let round = 0; round < 20; round++) {
        const record = newRecord()
        assert.equal(await stores.other.get(record.handle), null)
        await stores.store.insert(record)
        assert.deepEqual(await stores.other.get(record.handle), record)
      }
    }
  ),

  promise('what was stored outlives the instance that stored it', async ({ store, openStore }) => {
    const [record, key] = [newRecord(), newKey()]
    await store.insert(record)
    await store.addKey(key, null)
    await store.close()
    const reopened = await openStore()
    assert.deepEqual(await reopened.get(record.handle), record)
    assert.deepEqual(await reopened.listKeys(), [key])
  }),

  promise('revocations are answered as they were, page by page, once', async ({ store }) => {
    if (!keepsRevocations(store)) return
    const revocations = Array.from({ length: 7 }, newRevocation)
    await store.addRevocations(revocations.slice(0, 4))
    await store.addRevocations(revocations.slice(4))
    const first = await store.revokedSince(null, 5)
    assert.deepEqual([first.revocations, first.isLast], [revocations.slice(0, 5), false])
    const second = await store.revokedSince(first.cursor, 5)
    assert.deepEqual([second.revocations, second.isLast], [revocations.slice(5), true])
    const third = await store.revokedSince(second.cursor, 5)
    assert.deepEqual([third.revocations, third.isLast], [[], true])
  }),

  promise('a page of revocations that is just full is followed by the rest', async ({ store }) => {
    if (!keepsRevocations(store)) return
    const revocations = Array.from({ length: 6 }, newRevocation)
    await store.addRevocations(revocations)
    assert.deepEqual(await revokedSince(store, null, 3), revocations)
  }),

  promise('no revocation is missed that is added while others are read', async (stores) => {
    const { store, other } = stores
    if (!(keepsRevocations(store) && keepsRevocations(other))) return
    const added = Array.from({ length: CONTENDERS }, newRevocation)
    const met = new Set<string>()
    let cursor: string | null = null
    const read = async (): Promise<void> => {
      for (let isLast = false; !isLast; ) {
        const page: RevocationPage = await store.revokedSince(cursor, 3)
        for (const revocation of page.revocations) met.add(JSON.stringify(revocation))
        ;({ cursor, isLast } = page)
      }
    }
    const adding = Promise.all(
      added.map((revocation, index) =>
        (index % 2 === 0 ? store : other).addRevocations([revocation])
      )
    )
    for (let round = 0; round < 5; round++) await read()
    await adding
    await read()
    for (const revocation of added) assert.ok(met.has(JSON.stringify(revocation)))
  }),

  promise(
    'revocations end like records, and later ones are met all the same',
    async ({ store }) => {
      if (!keepsRevocations(store)) return
      const nowMs = Date.now()
      const ended = Array.from({ length: 5 }, () => ({
        ...newRevocation(),
        until: nowMs + HOUR_MS
      }))
      await store.addRevocations(ended)
      const { cursor } = await store.revokedSince(null, 10)
      let deleted = 0
      for (let count = 2; count === 2; deleted += count) {
        count = await store.deleteExpired(nowMs + HOUR_MS, 2)
        assert.ok(count <= 2, `${count} are more than the limit`)
      }
      const left = await revokedSince(store, null, 10)
      // A store may keep the last one, as a mark.
      assert.ok(left.length <= 1)
      assert.equal(deleted + left.length, ended.length)
      const next = newRevocation()
      await store.addRevocations([next])
      assert.deepEqual((await revokedSince(store, cursor, 10)).at(-1), next)
      assert.equal(await store.deleteExpired(nowMs, 10), 0)
    }
  ),

  promise('of many who use an id exactly one is the first', async ({ store, other }) => {
    if (store.useOnce === undefined || other.useOnce === undefined) return
    const until = Date.now() + HOUR_MS
    for (const id of [newId(), newId()]) {
      const uses = Array.from({ length: CONTENDERS }, (_, index) =>
        (index % 2 === 0 ? store : other).useOnce?.(id, until)
      )
      assert.equal((await Promise.all(uses)).filter((isFirst) => isFirst === true).length, 1)
      assert.equal(await store.useOnce(id, until), false)
    }
  }),

  promise('used ids are deleted when they end, and not before', async ({ store }) => {
    if (store.useOnce === undefined) return
    const nowMs = Date.now()
    const ids = Array.from({ length: 5 }, newId)
    for (const id of ids) assert.equal(await store.useOnce(id, nowMs + HOUR_MS), true)
    assert.equal(await store.deleteExpired(nowMs + HOUR_MS - 1, 10), 0)
    for (const id of ids) assert.equal(await store.useOnce(id, nowMs + HOUR_MS), false)
    // What a backend lets expire by its own clock is left to it.
    const first = await store.deleteExpired(nowMs + HOUR_MS, 3)
    assert.ok(first <= 3, `${first} are more than the limit`)
    const rest = await store.deleteExpired(nowMs + HOUR_MS, 10)
    assert.ok([0, ids.length].includes(first + rest), `${first + rest} were deleted`)
  }),

  promise('a store that tells the time tells all processes the same', async ({ store, other }) => {
    if (store.now === undefined || other.now === undefined) return
    const [first, second, third] = [await store.now(), await other.now(), await store.now()]
    for (const nowMs of [first, second, third]) assert.ok(Number.isSafeInteger(nowMs))
    assert.ok(first <= second && second <= third)
    // In milliseconds, of this century.
    assert.ok(first > Date.UTC(2000, 0) && first < Date.UTC(2100, 0))
  })
]

/** As long as the longest that a store is given. */
function newId(): string {
  return `${randomUUID()}-${randomUUID()}`.slice(0, 64)
}

/** The methods that a store may lack. */
type KeepsRevocations = SessionStore &
  Required<Pick<SessionStore, 'addRevocations' | 'revokedSince'>>

function keepsRevocations(store: SessionStore): store is KeepsRevocations {
  return store.addRevocations !== undefined && store.revokedSince !== undefined
}

async function revokedSince(
  store: KeepsRevocations,
  from: string | null,
  limit: number
): Promise<Revocation[]> {
  const revocations: Revocation[] = []
  for (let cursor = from, isLast = false; !isLast; ) {
    const page: RevocationPage = await store.revokedSince(cursor, limit)
    revocations.push(...page.revocations)
    ;({ cursor, isLast } = page)
  }
  return revocations
}

async function* pagesOf(
  store: SessionStore,
  userId: string,
  nowMs: number,
  limit: number
): AsyncGenerator<readonly SessionRecord[]> {
  let cursor: string | null = null
  do {
    const page: SessionPage = await store.listByUser(userId, nowMs, cursor, limit)
    yield page.records
    cursor = page.next
  } while (cursor !== null)
}

/** Handles of a user's sessions, in the order of the store. */
async function listOf(store: SessionStore, userId: string, nowMs = Date.now()): Promise<string[]> {
  const handles: string[] = []
  for await (const page of pagesOf(store, userId, nowMs, 100))
    handles.push(...page.map(({ handle }) => handle))
  return handles
}

/** Two instances on one backend, and a way to more. */
interface Opened {
  readonly store: SessionStore
  readonly other: SessionStore
  readonly openStore: OpenStore
}

/** A case whose stores are closed at its end, however it ends. Closing twice has to be fine. */
function promise(name: string, keep: (opened: Opened) => Promise<void>): StoreContractCase {
  return {
    name,
    async run(openStore) {
      const opened: SessionStore[] = []
      const open = async (): Promise<SessionStore> => {
        const store = await openStore()
        opened.push(store)
        return store
      }
      try {
        await keep({ store: await open(), other: await open(), openStore: open })
      } finally {
        for (const store of opened) await store.close()
      }
    }
  }
}

function alternate({ store, other }: Opened, index: number): SessionStore {
  return index % 2 === 0 ? store : other
}

async function onlyOneAdds(stores: Opened, expectedNewestKid: string | null): Promise<void> {
  const attempts = Array.from({ length: CONTENDERS }, async (_, index) => {
    const key = newKey()
    return (await alternate(stores, index).addKey(key, expectedNewestKid)) ? key : null
  })
  const added = (await Promise.all(attempts)).filter((key) => key !== null)
  assert.equal(added.length, 1)
  assert.deepEqual((await stores.store.listKeys())[0], added[0])
}

/** One after another, each expecting the one before of its kind. */
async function addAll(store: SessionStore, keys: readonly StoredKey[]): Promise<void> {
  const newest = new Map<string, string>()
  for (const key of keys) {
    assert.equal(await store.addKey(key, newest.get(key.kind) ?? null), true)
    newest.set(key.kind, key.kid)
  }
}

async function countOf(store: SessionStore, records: readonly SessionRecord[]): Promise<number> {
  let count = 0
  for (const { handle } of records) if ((await store.get(handle)) !== null) count++
  return count
}

/** Overwrites every text and number in it. What is frozen stays as it is, which is fine as well. */
function scribble(value: unknown): void {
  for (const [name, member] of Object.entries(value as object)) {
    if (typeof member === 'object' && member !== null) scribble(member)
    else Reflect.set(value as object, name, 'scribbled')
  }
}

function newRecord(members: Partial<SessionRecord> = {}): SessionRecord {
  const nowMs = Date.now()
  return {
    handle: randomUUID(),
    userId: `user ${randomUUID()}`,
    createdAt: nowMs,
    expiresAt: nowMs + HOUR_MS,
    sessionData: '{}',
    payload: '{"role":"admin"}',
    device: '{"userAgent":"Mozilla/5.0"}',
    keyKind: 'dynamic',
    rotation: { current: 'c'.repeat(64), successor: null, previous: null },
    revision: 0,
    ...members
  }
}

function newRevocation(): Revocation {
  const until = Date.now() + HOUR_MS
  const kinds = [
    { handle: randomUUID(), until },
    { userId: randomUUID(), createdBefore: Date.now(), until },
    { kid: `d-${Date.now()}`, until }
  ] as const
  return kinds[Math.floor(Math.random() * kinds.length)] as Revocation
}

function rotations(): SessionRecord['rotation'][] {
  const [current, hash] = ['c'.repeat(64), 'd'.repeat(64)]
  const successor = { nonce: 'n'.repeat(22), handedOutAt: Date.now() }
  const previous = { hash, confirmedAt: Date.now(), successorNonce: 'm'.repeat(22) }
  return [
    { current, successor, previous: null },
    { current, successor, previous },
    { current, successor: null, previous: { ...previous, successorNonce: null } }
  ]
}

function newKey(members: Partial<StoredKey> = {}): StoredKey {
  const kind = members.kind ?? 'dynamic'
  return {
    kid: `${kind.slice(0, 1)}-${randomUUID()}`,
    kind,
    algorithm: 'ES256',
    createdAt: Date.now(),
    expiresAt: Date.now() + HOUR_MS,
    material: '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n',
    ...members
  }
}
