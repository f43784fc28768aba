import type { SessionContext } from './context.ts'
import { isStorable } from './records.ts'

/** Ends sessions. @returns The handles that existed. */
export async function revokeSessions(
  { store }: SessionContext,
  handles: readonly string[]
): Promise<string[]> {
  return store.delete(handles.filter(isStorable))
}

/** Ends all sessions of a user, in one tenant or in all. @returns Their handles. */
export async function revokeAllOf(
  context: SessionContext,
  userId: string,
  tenantId: string | undefined
): Promise<string[]> {
  return revokeSessions(context, await context.records.list(userId, tenantId))
}
