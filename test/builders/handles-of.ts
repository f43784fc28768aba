import type { SessionPage, SessionStore } from '../../lib/index.ts'

/** Handles of all sessions of a user, page by page, in the order of the store. */
export async function handlesOf(
  store: SessionStore,
  userId: string,
  nowMs: number = Date.now()
): Promise<string[]> {
  const handles: string[] = []
  let cursor: string | null = null
  do {
    const page: SessionPage = await store.listByUser(userId, nowMs, cursor, 500)
    handles.push(...page.records.map(({ handle }) => handle))
    cursor = page.next
  } while (cursor !== null)
  return handles
}
