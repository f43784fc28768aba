import type { FastifyBaseLogger } from 'fastify'
import type { Revocation, SessionStore } from '../stores/store.ts'
import type { SessionContext, VerifyContext } from './context.ts'
import { publish } from './events.ts'
import { RevocationWatch } from './known-revocations.ts'
import { createdAtOf, isHandle, isUserId, PAGE } from './records.ts'
import type { SessionSockets } from './sockets.ts'

type Context = Pick<
  SessionContext,
  | 'settings'
  | 'clock'
  | 'store'
  | 'records'
  | 'revocations'
  | 'sockets'
  | 'accessTokens'
  | 'keyRing'
>

/** So far clocks of processes may differ without an entry for a user meeting a later login. */
const CLOCK_TOLERANCE_MS = 10_000
/** Entries are kept for so much longer than access tokens live, for clocks that are slow. */
const MARGIN_MS = 60_000
/** By then every process has read the keys again, and finds that one is gone. */
const KEY_ENTRY_LIFETIME_MS = 600_000

/** Ends sessions, some at a time. @returns The handles that existed. */
export async function revokeSessions(
  context: Context,
  handles: readonly string[]
): Promise<string[]> {
  const ended: string[] = []
  for (let start = 0; start < handles.length; start += PAGE) {
    const page = handles.slice(start, start + PAGE).filter(isHandle)
    ended.push(...(await endSessions(context, page, page)))
  }
  return ended
}

/**
 * Ends all sessions of a user, in one tenant or in all. Their access tokens are refused by one entry
 * for the user, but for the newest sessions, which are named: a login that follows is not meant.
 *
 * @returns Their handles.
 */
export async function revokeAllOf(
  context: Context,
  userId: string,
  tenantId: string | undefined
): Promise<string[]> {
  await context.clock.sync()
  const createdBefore = context.clock.now() - CLOCK_TOLERANCE_MS
  const isForAll = tenantId === undefined
  if (isForAll && isUserId(userId))
    await announce(context, [{ userId, createdBefore, until: untilOf(context) }])
  const ended: string[] = []
  for await (const records of context.records.pagesOf(userId, tenantId)) {
    const handles = records.map(({ handle }) => handle)
    const named = isForAll
      ? handles.filter((handle) => !(createdAtOf(handle) < createdBefore))
      : handles
    ended.push(...(await endSessions(context, handles, named)))
  }
  return ended
}

/**
 * Adds a signing key before its time. With `revoke` the former ones verify nothing any more, in this
 * process at once and in others as soon as they learn of it: their access tokens are refreshed.
 */
export async function rotateKeys(
  context: Context,
  { revoke }: { readonly revoke: boolean }
): Promise<void> {
  const { settings, clock, keyRing } = context
  await clock.sync()
  const former = await keyRing.rotate(settings.keyKind, clock.now())
  const revoked = revoke ? former : []
  const until = clock.now() + KEY_ENTRY_LIFETIME_MS
  // First: where one of the two fails, who tries again can still do both.
  await announce(
    context,
    revoked.map((kid) => ({ kid, until }))
  )
  if (revoke) await keyRing.delete(revoked)
  publish({ kind: 'keys-rotated', revoked: revoked.length })
}

/**
 * Announces `named` sessions to all processes, also where they are gone already, and deletes all
 * of `handles`.
 */
async function endSessions(
  context: Context,
  handles: readonly string[],
  named: readonly string[]
): Promise<string[]> {
  if (handles.length === 0) return []
  const until = untilOf(context)
  const revocations: Revocation[] = []
  for (const handle of named)
    if (!(await isAnnounced(context, handle))) revocations.push({ handle, until })
  // First: where one of the two fails, who tries again can still do both.
  await announce(context, revocations)
  const ended = await context.store.delete(handles)
  if (ended.length > 0) publish({ kind: 'revoked', sessionHandles: ended })
  return ended
}

/**
 * Whether everybody knows of a revocation already: else one token could fill the store with sign-outs.
 * Not where the session is still there, or there again: a store may have lost both.
 */
async function isAnnounced({ revocations, store }: Context, handle: string): Promise<boolean> {
  return revocations.hasHandle(handle) && (await store.get(handle)) === null
}

async function announce(context: Context, revocations: readonly Revocation[]): Promise<void> {
  if (revocations.length === 0) return
  const { settings, store } = context
  if (settings.revocationIntervalMs > 0) await store.addRevocations?.(revocations)
  learnRevocations(context, revocations)
}

/** Takes over what this process or another one has revoked. */
export function learnRevocations(
  { revocations, sockets, accessTokens }: LearningContext,
  revoked: readonly Revocation[]
): void {
  revocations.add(revoked)
  sockets.endRevoked(revoked)
  for (const revocation of revoked) if ('kid' in revocation) accessTokens.dropKey(revocation.kid)
}

type LearningContext = Pick<VerifyContext, 'revocations' | 'accessTokens'> & {
  readonly sockets: SessionSockets
}

/**
 * Watches what other processes revoke.
 *
 * @returns `null` where there is nothing to watch.
 */
export function openRevocationWatch(
  context: LearningContext &
    Pick<VerifyContext, 'settings' | 'clock'> & { readonly store: SessionStore | null },
  log: FastifyBaseLogger
): RevocationWatch | null {
  const { settings, store, clock } = context
  if (store === null || settings.revocationIntervalMs === 0) return null
  if (store.revokedSince === undefined) {
    log.warn(
      'the session store has no addRevocations and revokedSince: where several processes share it, access tokens of revoked sessions live until they expire'
    )
    return null
  }
  return new RevocationWatch(store, {
    now: clock.now,
    intervalMs: settings.revocationIntervalMs,
    log,
    onRevoked: (revoked) => learnRevocations(context, revoked)
  })
}

function untilOf({ settings, clock }: Context): number {
  return clock.now() + settings.accessTokenValidityMs + MARGIN_MS
}
