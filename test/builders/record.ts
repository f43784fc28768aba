import { randomUUID } from 'node:crypto'
import type { SessionRecord } from '../../lib/index.ts'

/** A record of a session that was just created and lives for an hour. */
export function newRecord(members: Partial<SessionRecord> = {}): SessionRecord {
  const nowMs = Date.now()
  return {
    handle: randomUUID(),
    userId: `user ${randomUUID()}`,
    createdAt: nowMs,
    expiresAt: nowMs + 3_600_000,
    sessionData: '{}',
    payload: '{}',
    device: '{}',
    keyKind: 'dynamic',
    rotation: { current: 'c'.repeat(64), successor: null, previous: null },
    revision: 0,
    ...members
  }
}
