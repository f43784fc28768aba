import type { RotationState } from '../stores/store.ts'

/** What rotation knows of a refresh token: its `H1` and its parent's. */
export interface PresentedToken {
  readonly hash: string
  readonly parentHash: string | null
}

export interface RotationContext {
  readonly nowMs: number
  /** W: how long a child answers for all, and stragglers are welcome. 0: the legacy rule. */
  readonly graceMs: number
  /** For a child that has to be new. */
  readonly freshNonce: string
  /** `H1` of the child that a nonce yields for the presented token. */
  readonly childHash: (nonce: string) => string
}

/** The refresh token to hand out: derived from the presented one, as a child of `parentHash`. */
export interface Child {
  readonly nonce: string
  readonly parentHash: string
}

export type RotationStep =
  | {
      /** Exchanged: hand out `child` and an access token. */
      readonly outcome: 'child'
      readonly child: Child
      /** The state to write, or `null` where nothing changed. */
      readonly next: RotationState | null
      /** Whether the presented token became `current`, which moves the session's end. */
      readonly confirmed: boolean
    }
  | {
      /** Good, but confirmed too recently: hand out an access token alone, of the same lineage. */
      readonly outcome: 'kept'
      readonly next: RotationState | null
      readonly confirmed: boolean
    }
  | { readonly outcome: 'theft' }

export type ConfirmationStep =
  | { readonly outcome: 'confirmed'; readonly next: RotationState }
  | { readonly outcome: 'current' }
  | { readonly outcome: 'stale' }

/**
 * Share of W after which handing out the same child again dates it anew. Until its last copy has
 * long arrived there is no other child, and still a storm of refreshes writes only now and then.
 */
const REDATING_SHARE = 1 / 4
/**
 * Share of W for which a confirmed token is not exchanged: until every reply that carries it has
 * arrived. A reply that came after the next exchange would put the older token into the jar.
 */
const SETTLING_SHARE = 1 / 2

/** The state of a session that was just created with this refresh token. */
export function startRotation(hash: string): RotationState {
  return { current: hash, successor: null, previous: null }
}

/**
 * What a refresh with an authentic token leads to.
 *
 * A refresh alone confirms nothing: a lost reply leaves the client with the token it has. A child
 * becomes `current` when it is presented here, or its access token at a verification.
 *
 * No I/O and no clock: the same arguments give the same step, so that every history can be
 * explored. The caller writes `next` with compare-and-set and starts over when it loses.
 */
export function rotate(
  state: RotationState,
  presented: PresentedToken,
  context: RotationContext
): RotationStep {
  if (presented.hash === state.current) return exchange(state, presented, context)

  if (presented.parentHash === state.current) {
    const next = confirm(state, presented.hash, context.nowMs)
    return isRecent(state.successor?.handedOutAt, context.graceMs, context.nowMs)
      ? { outcome: 'kept', next, confirmed: true }
      : handOutNewChild(next, presented, context, true)
  }

  if (isStraggler(state, presented, context)) {
    const child = rejoin(state, presented, context)
    return { outcome: 'child', child, next: null, confirmed: false }
  }

  // RFC 9700 section 4.14.2: a token that was rotated away came back, so two parties hold the
  // session and nobody can tell which one is the owner.
  return { outcome: 'theft' }
}

/** What the first use of an access token that came with a refresh leads to. */
export function confirmByUse(
  state: RotationState,
  used: PresentedToken,
  nowMs: number
): ConfirmationStep {
  if (used.parentHash === state.current)
    return { outcome: 'confirmed', next: confirm(state, used.hash, nowMs) }
  return { outcome: used.hash === state.current ? 'current' : 'stale' }
}

/** A child of `current`: while it is recent the same one, so that tabs and retries converge. */
function exchange(
  state: RotationState,
  presented: PresentedToken,
  context: RotationContext
): RotationStep {
  const { nowMs, graceMs } = context
  const { successor, previous } = state
  if (successor !== null && isRecent(successor.handedOutAt, graceMs, nowMs)) {
    const isDated = isRecent(successor.handedOutAt, graceMs * REDATING_SHARE, nowMs)
    const next = isDated ? null : { ...state, successor: { ...successor, handedOutAt: nowMs } }
    const child = { nonce: successor.nonce, parentHash: presented.hash }
    return { outcome: 'child', child, next, confirmed: false }
  }
  if (isRecent(previous?.confirmedAt, graceMs * SETTLING_SHARE, nowMs))
    return { outcome: 'kept', next: null, confirmed: false }
  return handOutNewChild(state, presented, context, false)
}

function handOutNewChild(
  state: RotationState,
  presented: PresentedToken,
  { nowMs, graceMs, freshNonce }: RotationContext,
  confirmed: boolean
): RotationStep {
  const child = { nonce: freshNonce, parentHash: presented.hash }
  // Without a grace period nobody asks for the same child again, and there is nothing to remember.
  const remembered = graceMs > 0 ? { nonce: freshNonce, handedOutAt: nowMs } : null
  const next = remembered === null && !confirmed ? null : { ...state, successor: remembered }
  return { outcome: 'child', child, next, confirmed }
}

/** The child of `current` proved that it reached the client, and takes its parent's place. */
function confirm(state: RotationState, childHash: string, nowMs: number): RotationState {
  const successorNonce = state.successor?.nonce ?? null
  return {
    current: childHash,
    successor: null,
    previous: { hash: state.current, confirmedAt: nowMs, successorNonce }
  }
}

/** A tab or a retry that was under way while another one confirmed the next token. */
function isStraggler(
  { previous }: RotationState,
  presented: PresentedToken,
  { nowMs, graceMs }: RotationContext
): boolean {
  return (
    previous !== null &&
    isRecent(previous.confirmedAt, graceMs, nowMs) &&
    (presented.hash === previous.hash || presented.parentHash === previous.hash)
  )
}

/** Good tokens for a straggler, without moving `current` from under whoever holds it. */
function rejoin(
  { current, previous }: RotationState,
  presented: PresentedToken,
  { childHash }: RotationContext
): Child {
  const nonce = previous?.successorNonce
  if (presented.hash === previous?.hash && nonce != null && childHash(nonce) === current)
    return { nonce, parentHash: presented.hash }
  // The generation is the nonce: whoever asks twice is given the same child of `current`.
  return { nonce: current, parentHash: current }
}

/** A clock that was set back, or another process's that is behind, makes anything recent. */
function isRecent(markMs: number | undefined, spanMs: number, nowMs: number): boolean {
  return markMs !== undefined && spanMs > 0 && nowMs - markMs < spanMs
}
