import type { Awaitable } from '../awaitable.ts'
import type { KeyKind, SigningAlgorithm } from '../keys/algorithms.ts'

export type { Awaitable } from '../awaitable.ts'

/**
 * Where the refresh tokens of a session stand. `H1` of a token is the SHA-256 of its text, in hex:
 * nothing here lets its reader present a token.
 */
export interface RotationState {
  /** `H1` of the confirmed refresh token: the newest one that the client has shown to own. */
  readonly current: string
  /** The child that was last handed out for `current`: `null` before the first refresh. */
  readonly successor: { readonly nonce: string; readonly handedOutAt: number } | null
  /** The refresh token before `current`, and the nonce of the child that it had then. */
  readonly previous: {
    readonly hash: string
    readonly confirmedAt: number
    readonly successorNonce: string | null
  } | null
}

/** A session as a store keeps it. Times are milliseconds since the epoch. */
export interface SessionRecord {
  /** A UUID; for a tenant other than `public` followed by `_` and the tenant's id. */
  readonly handle: string
  readonly userId: string
  readonly createdAt: number
  /** The session ends here. Moves forward whenever a refresh token is confirmed. */
  readonly expiresAt: number
  /** JSON text: what the app keeps on the server about this session. */
  readonly sessionData: string
  /** JSON text: the custom claims of the access token. */
  readonly payload: string
  /** JSON text: what was known of the client when it logged in. */
  readonly device: string
  readonly keyKind: KeyKind
  readonly rotation: RotationState
  /** Counts the changes of this record; see {@link SessionStore.replace}. */
  readonly revision: number
}

/** A key as a store keeps it. */
export interface StoredKey {
  readonly kid: string
  /** `refresh` authenticates refresh tokens where the app gives no `secret`. */
  readonly kind: KeyKind | 'refresh'
  readonly algorithm: SigningAlgorithm | 'HS256'
  readonly createdAt: number
  /** Verifies nothing from here on and may be deleted; `null` for a key that is never rotated. */
  readonly expiresAt: number | null
  /** PKCS #8 as PEM, or base64url for `refresh`; encrypted where the app gives a `secret`. */
  readonly material: string
}

/** Some of a user's sessions. */
export interface SessionPage {
  readonly records: readonly SessionRecord[]
  /** Asks for the page behind this one; `null` where this is the last. */
  readonly next: string | null
}

/**
 * Whose access tokens are refused although they have not expired: those of one session, those of all
 * sessions of a user that were created before a time, or those that a key has signed.
 */
export type Revocation = {
  /** No such token is left from here on, so that this entry may go. */
  readonly until: number
} & (
  | { readonly handle: string }
  | { readonly userId: string; readonly createdBefore: number }
  | { readonly kid: string }
)

/** Some of the revocations that a store keeps, in the order in which they came. */
export interface RevocationPage {
  readonly revocations: readonly Revocation[]
  /** Asks for what comes behind this page, now or later. */
  readonly cursor: string
  /** Whether nothing is there behind this page yet. */
  readonly isLast: boolean
}

/**
 * Where sessions and keys live.
 *
 * Every method is atomic. Missing is a value: only a broken backend throws, and the request is then
 * answered with 503. A method may answer at once or with a promise.
 */
export interface SessionStore {
  /** Adds a record under a handle that is not taken. */
  insert(record: SessionRecord): Awaitable<void>

  /** The record, or `null`. Also answers records that are expired but not yet deleted. */
  get(handle: string): Awaitable<SessionRecord | null>

  /**
   * Compare-and-set, the only way a record changes: writes `record` where the stored revision is
   * `expectedRevision`.
   *
   * @returns `false`, and writes nothing, where the revision differs or the record is missing.
   */
  replace(record: SessionRecord, expectedRevision: number): Awaitable<boolean>

  /** Deletes records. Answers the handles that existed; deleting nothing is fine. */
  delete(handles: readonly string[]): Awaitable<string[]>

  /**
   * At most `limit` of a user's sessions with `expiresAt > nowMs`, in an order that the store chooses.
   * A session that is there from the first page to the last is met at least once.
   *
   * @param cursor - `next` of the page before; `null` for the first.
   */
  listByUser(
    userId: string,
    nowMs: number,
    cursor: string | null,
    limit: number
  ): Awaitable<SessionPage>

  /**
   * Keeps revocations, so that every process learns of them. Left out, together with
   * {@link SessionStore.revokedSince}, access tokens of a revoked session live until they expire,
   * but for those that reach the process that revoked it.
   */
  addRevocations?(revocations: readonly Revocation[]): Awaitable<void>

  /**
   * Revocations that were added after those that `cursor` stands for. Some may be met twice, and none
   * that was added is passed over.
   *
   * @param cursor - Of the page before; `null` for everything that is kept.
   */
  revokedSince?(cursor: string | null, limit: number): Awaitable<RevocationPage>

  /**
   * Notes that something was used which is good once, such as a DPoP proof. Left out, each process
   * remembers by itself what it has seen, and a proof is good once in each of them.
   *
   * @param id - At most 64 letters, digits, `-` and `_`.
   * @param until - It may be forgotten from here on, milliseconds since the epoch.
   * @returns Whether this is its first use.
   */
  useOnce?(id: string, until: number): Awaitable<boolean>

  /**
   * Deletes at most `limit` records and keys with `expiresAt <= nowMs`, and revocations and used ids
   * with `until <= nowMs`. What a backend lets expire by its own clock may be left to it.
   *
   * @returns How many were deleted; `limit` says that there may be more.
   */
  deleteExpired(nowMs: number, limit: number): Awaitable<number>

  /** All keys, newest first. */
  listKeys(): Awaitable<StoredKey[]>

  /**
   * Adds a key if the newest of its kind is still `expectedNewestKid` (`null`: there is none), so
   * that of several processes exactly one creates it.
   *
   * @returns Whether it was added.
   */
  addKey(key: StoredKey, expectedNewestKid: string | null): Awaitable<boolean>

  /** Deletes keys. Deleting nothing, or what is gone, is fine. */
  deleteKeys(kids: readonly string[]): Awaitable<void>

  /**
   * The store's own time, in whole milliseconds since the epoch: the one clock that processes on
   * different machines share. Left out where they all run on one machine.
   */
  now?(): Awaitable<number>

  /** Lets go of what the store opened itself. Called when the app closes. */
  close(): Awaitable<void>
}
