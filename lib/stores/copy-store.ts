import { OptionsError } from '../options/checks.ts'
import type { RevocationPage, SessionPage, SessionStore } from './store.ts'

/** Sessions that are read at a time. */
const PAGE = 500

/** What `copyStore` takes. */
export interface CopyStoreOptions {
  readonly from: SessionStore
  readonly to: SessionStore
  /** Everybody who may have sessions, for instance read from the table of users, row by row. */
  readonly userIds: Iterable<string> | AsyncIterable<string>
}

/** What `copyStore` did. */
export interface CopiedStore {
  readonly sessions: number
  readonly keys: number
}

/**
 * Copies keys, sessions and revocations to another store, so that nobody is logged out by moving there.
 *
 * Run it while no process uses either store: what a session goes through meanwhile would be lost.
 * Nothing that is there is overwritten, so a copy that broke off can be started again.
 *
 * @throws {@link OptionsError} `userIds` is one text.
 */
export async function copyStore(options: CopyStoreOptions): Promise<CopiedStore> {
  const { from, to, userIds } = options
  // Letter by letter it would be a list, too.
  if (typeof userIds === 'string') throw new OptionsError('userIds', 'a list of ids', userIds)
  const keys = await copyKeys(from, to)
  await copyRevocations(from, to)
  let sessions = 0
  for await (const userId of userIds) sessions += await copySessions(from, to, userId)
  return { sessions, keys }
}

/** Oldest first, so that the newest of each kind is the same in both. */
async function copyKeys(from: SessionStore, to: SessionStore): Promise<number> {
  let copied = 0
  for (const key of (await from.listKeys()).toReversed()) {
    const there = await to.listKeys()
    if (there.some(({ kid }) => kid === key.kid)) continue
    const newest = there.find(({ kind }) => kind === key.kind)
    if (!(await to.addKey(key, newest?.kid ?? null)))
      throw new Error('Another process adds keys to the store that is copied to')
    copied++
  }
  return copied
}

/** Those that are there already are there twice then, which changes nothing. */
async function copyRevocations(from: SessionStore, to: SessionStore): Promise<void> {
  let page: RevocationPage | undefined
  do {
    page = await from.revokedSince?.(page?.cursor ?? null, PAGE)
    if (page !== undefined) await to.addRevocations?.(page.revocations)
  } while (page?.isLast === false)
}

async function copySessions(from: SessionStore, to: SessionStore, userId: string): Promise<number> {
  let copied = 0
  let cursor: string | null = null
  do {
    const page: SessionPage = await from.listByUser(userId, Date.now(), cursor, PAGE)
    for (const record of page.records) {
      if ((await to.get(record.handle)) !== null) continue
      await to.insert(record)
      copied++
    }
    cursor = page.next
  } while (cursor !== null)
  return copied
}
