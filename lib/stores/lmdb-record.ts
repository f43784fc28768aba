import type { SessionRecord } from './store.ts'

/** In no number, no JSON text and no name of ours. */
const SEPARATOR = '\0'

/**
 * A record as text. The handle is its key and left out.
 *
 * Every check against the database reads one, and taking this apart costs a quarter of what JSON
 * does, whose members are texts that JSON would have to escape.
 */
export function encodeRecord(record: SessionRecord): string {
  const { current, successor, previous } = record.rotation
  return [
    record.revision,
    record.createdAt,
    record.expiresAt,
    record.keyKind,
    record.sessionData,
    record.payload,
    record.device,
    current,
    successor?.nonce,
    successor?.handedOutAt,
    previous?.hash,
    previous?.confirmedAt,
    previous?.successorNonce,
    // Last, since an app may name its users by whatever it likes.
    record.userId
  ].join(SEPARATOR)
}

export function decodeRecord(handle: string, text: string): SessionRecord {
  const [
    revision,
    createdAt,
    expiresAt,
    keyKind,
    sessionData = '',
    payload = '',
    device = '',
    current = '',
    nonce = '',
    handedOutAt,
    hash = '',
    confirmedAt,
    successorNonce = '',
    ...userId
  ] = text.split(SEPARATOR)
  return {
    handle,
    userId: userId.join(SEPARATOR),
    createdAt: Number(createdAt),
    expiresAt: Number(expiresAt),
    sessionData,
    payload,
    device,
    keyKind: keyKind as SessionRecord['keyKind'],
    rotation: {
      current,
      successor: nonce === '' ? null : { nonce, handedOutAt: Number(handedOutAt) },
      previous:
        hash === ''
          ? null
          : { hash, confirmedAt: Number(confirmedAt), successorNonce: successorNonce || null }
    },
    revision: Number(revision)
  }
}
