import type { JsonObject, Session } from './session.d.ts'
import type { Awaitable } from './store.d.ts'

/** Whose claim is to be fetched. */
export interface ClaimSubject {
  readonly userId: string
  readonly recipeUserId: string
  readonly tenantId: string
}

/** What a validator may look at besides the payload. */
export interface ClaimContext {
  /** The time, milliseconds since the epoch. */
  readonly nowMs: number
}

export type ClaimValidation =
  | { readonly isValid: true }
  | { readonly isValid: false; readonly reason?: unknown }

/** A fact about a session that a route may ask for. */
export type ClaimValidator = {
  /** Names the validator in the 403 body. */
  readonly id: string
  /**
   * Looks at the access token's payload; by handle, at the custom claims in the store.
   * `reason` is sent to the client.
   */
  validate(payload: JsonObject, context: ClaimContext): Awaitable<ClaimValidation>
} & (
  | { readonly claim?: undefined; readonly shouldRefetch?: undefined }
  | {
      /** The claim that is fetched anew before validation, where `shouldRefetch` says so. */
      readonly claim: Claim<unknown>
      shouldRefetch(payload: JsonObject, context: ClaimContext): Awaitable<boolean>
    }
)

/** A named fact in the access token, and where it comes from. */
export interface Claim<T> {
  /** Its name in the payload: `payload[key] = { v: value, t: when it was fetched }`. */
  readonly key: string
  /** Asks for the value; `undefined` leaves the claim as it is. */
  fetchValue(subject: ClaimSubject, payload: JsonObject): Awaitable<T | undefined>
  /** The payload members of a value. */
  toPayload(value: T, nowMs: number): JsonObject
  /** The value in a payload, `undefined` where there is none. */
  valueIn(payload: JsonObject): T | undefined
  /** When the value was fetched or set, milliseconds since the epoch. */
  fetchedAt(payload: JsonObject): number | undefined
}

/** The claim validators of a route, given the global ones and the session. */
export type OverrideGlobalClaimValidators = (
  globalValidators: readonly ClaimValidator[],
  session: Session
) => Awaitable<readonly ClaimValidator[]>
