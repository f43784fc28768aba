import type {
  ConfirmationStep,
  PresentedToken,
  RotationContext,
  RotationStep
} from '../../lib/session/rotation.ts'
import type { RotationState } from '../../lib/stores/store.ts'

/** The machine under exploration: the real one, or one that is broken on purpose. */
export interface Machine {
  rotate(state: RotationState, presented: PresentedToken, context: RotationContext): RotationStep
  confirmByUse(state: RotationState, used: PresentedToken, nowMs: number): ConfirmationStep
}

/** Both tokens of a reply; `refresh` is `null` where only the access token is written. */
export interface Given {
  readonly refresh: PresentedToken | null
  readonly access: PresentedToken
}

/** Where a client keeps its tokens: each reply overwrites what it carries. */
export interface Jar {
  readonly refresh: PresentedToken
  readonly access: PresentedToken
}

export interface Message {
  readonly kind: 'use' | 'refresh'
  /** What the jar held when it was sent. */
  readonly shown: PresentedToken
  /** The reply, once the server has answered. */
  readonly given: Given | null
  /** Units since it was sent. */
  readonly age: number
}

/** How a token came about: the same parent, nonce and lineage make the same token. */
interface Derivation {
  readonly from: string
  readonly nonce: string
  readonly parentHash: string
}

/**
 * Everything there is at one moment. That moment is time zero: the marks of the server lie before.
 *
 * Tokens are names, and what a child is derived from is kept beside them.
 */
export interface World {
  readonly server: RotationState
  readonly jars: readonly Jar[]
  readonly messages: readonly Message[]
  readonly derivations: ReadonlyMap<string, Derivation>
}

/** The name of whatever is new, until {@link canonical} gives it one. */
const FRESH = 'fresh'
/** A token that nobody holds, neither client nor server. */
const GONE = 'gone'

/** A client that has just logged in. */
export function startingWorld(start: (hash: string) => RotationState): World {
  const token = { hash: 't0', parentHash: null }
  return {
    server: start(token.hash),
    jars: [{ refresh: token, access: token }],
    messages: [],
    derivations: new Map()
  }
}

export interface Answer {
  readonly server: RotationState
  readonly derivations: World['derivations']
  /** `null`: no tokens in the reply. */
  readonly given: Given | null
}

/** What the server makes of a request, by a clock that is ahead by `nowMs`; `null`: theft. */
export function answerTo(
  machine: Machine,
  { server, derivations }: Pick<World, 'server' | 'derivations'>,
  { kind, shown }: Pick<Message, 'kind' | 'shown'>,
  { nowMs, graceUnits }: { nowMs: number; graceUnits: number }
): Answer | null {
  if (kind === 'use') {
    // Confirmed by an earlier request: the store is not asked.
    if (shown.parentHash === null) return { server, derivations, given: null }
    const step = machine.confirmByUse(server, shown, nowMs)
    const reissued = { refresh: null, access: { hash: shown.hash, parentHash: null } }
    const given = step.outcome === 'stale' ? null : reissued
    return { server: step.outcome === 'confirmed' ? step.next : server, derivations, given }
  }
  const hashOf = (nonce: string, parentHash: string) =>
    find(derivations, { from: shown.hash, nonce, parentHash })
  const step = machine.rotate(server, shown, {
    nowMs,
    graceMs: graceUnits,
    freshNonce: FRESH,
    childHash: (nonce) => hashOf(nonce, shown.hash)
  })
  if (step.outcome === 'theft') return null
  const after = step.next ?? server
  if (step.outcome === 'kept')
    return { server: after, derivations, given: { refresh: null, access: shown } }
  const { nonce, parentHash } = step.child
  const token = { hash: hashOf(nonce, parentHash), parentHash }
  return {
    server: after,
    derivations: new Map(derivations).set(token.hash, { from: shown.hash, nonce, parentHash }),
    given: { refresh: token, access: token }
  }
}

function find(derivations: World['derivations'], sought: Derivation): string {
  for (const [hash, { from, nonce, parentHash }] of derivations)
    if (from === sought.from && nonce === sought.nonce && parentHash === sought.parentHash)
      return hash
  return FRESH
}

/** What a reply does to a jar. */
export function keep(jar: Jar, given: Given | null): Jar {
  return given === null ? jar : { access: given.access, refresh: given.refresh ?? jar.refresh }
}

/** The same world later. */
export function later(world: World, units: number): World {
  const { server } = world
  const { successor, previous } = server
  return {
    ...world,
    server: {
      ...server,
      successor: successor && { ...successor, handedOutAt: successor.handedOutAt - units },
      previous: previous && { ...previous, confirmedAt: previous.confirmedAt - units }
    },
    messages: world.messages.map((message) => ({ ...message, age: message.age + units }))
  }
}

/** What a token is to the server, for people. */
export function roleOf({ hash, parentHash }: PresentedToken, { server }: World): string {
  if (hash === server.current) return 'the current token'
  if (parentHash === server.current) return 'a child of the current token'
  if (hash === server.previous?.hash) return 'the previous token'
  if (parentHash === server.previous?.hash) return 'another child of the previous token'
  return 'an older token'
}

/**
 * Gives everything its name in the order in which it is met, and forgets what cannot matter any
 * more. Worlds that differ in nothing else have the same `key`.
 */
export function canonical(
  world: World,
  graceUnits: number
): { key: string; world: World; names: Names } {
  const { server } = world
  const live = new Set(holdersOf(world).map(({ hash }) => hash))
  live.add(server.current)
  if (server.previous !== null) live.add(server.previous.hash)

  const tokens = new Names('t')
  tokens.name(server.current)
  if (server.previous !== null) tokens.name(server.previous.hash)
  for (const { refresh, access } of world.jars) {
    tokens.name(refresh.hash)
    tokens.name(access.hash)
  }
  const sorted = world.messages
    .map((message) => ({ message, rank: textOf(message, (hash) => tokens.find(hash)) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ message }) => message)
  for (const { hash } of holdersOf({ jars: [], messages: sorted })) tokens.name(hash)

  const nonces = new Names('n')
  const nonceName = (nonce: string) => (live.has(nonce) ? tokens.name(nonce) : nonces.name(nonce))
  const parentName = (hash: string) => (live.has(hash) ? tokens.name(hash) : GONE)
  const renamed = ({ hash, parentHash }: PresentedToken): PresentedToken => ({
    hash: tokens.name(hash),
    parentHash: parentHash === null ? null : parentName(parentHash)
  })
  const renamedGiven = ({ refresh, access }: Given): Given => ({
    refresh: refresh && renamed(refresh),
    access: renamed(access)
  })
  // Older than W is older than W.
  const aged = (mark: number) => Math.max(mark, -graceUnits)
  const { current, successor, previous } = server

  const next: World = {
    server: {
      current: tokens.name(current),
      successor: successor && {
        nonce: nonceName(successor.nonce),
        handedOutAt: aged(successor.handedOutAt)
      },
      previous: previous && {
        hash: tokens.name(previous.hash),
        confirmedAt: aged(previous.confirmedAt),
        successorNonce: previous.successorNonce && nonceName(previous.successorNonce)
      }
    },
    jars: world.jars.map(({ refresh, access }) => ({
      refresh: renamed(refresh),
      access: renamed(access)
    })),
    messages: sorted.map((message) => ({
      ...message,
      shown: renamed(message.shown),
      given: message.given && renamedGiven(message.given)
    })),
    derivations: new Map()
  }
  // A derivation can happen again while somebody holds the parent and the server knows the nonce.
  const usable = new Set([current, successor?.nonce, previous?.successorNonce])
  const derivations = new Map<string, Derivation>()
  for (const hash of live) {
    const derivation = world.derivations.get(hash)
    if (derivation === undefined) continue
    const { from, nonce, parentHash } = derivation
    if (live.has(from) && usable.has(nonce))
      derivations.set(tokens.name(hash), {
        from: tokens.name(from),
        nonce: nonceName(nonce),
        parentHash: parentName(parentHash)
      })
  }
  return { key: keyOf(next, derivations), world: { ...next, derivations }, names: tokens }
}

/** All tokens that clients hold or that are on their way. */
function holdersOf({ jars, messages }: Pick<World, 'jars' | 'messages'>): PresentedToken[] {
  const tokens: (PresentedToken | null | undefined)[] = []
  for (const { refresh, access } of jars) tokens.push(refresh, access)
  for (const { shown, given } of messages) tokens.push(shown, given?.access, given?.refresh)
  return tokens.filter((token) => token != null)
}

function keyOf(world: World, derivations: World['derivations']): string {
  const { server, jars, messages } = world
  const same = (hash: string) => hash
  const lineages = [...derivations].map(
    ([hash, { from, nonce, parentHash }]) => `${hash}=${from}.${nonce}.${parentHash}`
  )
  const { current, successor, previous } = server
  return [
    `${current},${successor?.nonce}@${successor?.handedOutAt}`,
    `${previous?.hash}@${previous?.confirmedAt},${previous?.successorNonce}`,
    ...jars.map((jar) => givenText(jar, same)),
    ...messages.map((message) => textOf(message, same)).sort(),
    ...lineages.sort()
  ].join(' ')
}

function textOf({ kind, shown, given, age }: Message, nameOf: (hash: string) => string): string {
  const reply = given === null ? '' : givenText(given, nameOf)
  return `${kind}@${age}:${tokenText(shown, nameOf)}>${reply}`
}

function givenText({ refresh, access }: Given, nameOf: (hash: string) => string): string {
  return `${refresh === null ? '' : tokenText(refresh, nameOf)}/${tokenText(access, nameOf)}`
}

function tokenText({ hash, parentHash }: PresentedToken, nameOf: (hash: string) => string): string {
  return `${nameOf(hash)}<${parentHash === null ? '' : nameOf(parentHash)}`
}

/** Short names in the order of asking. */
export class Names {
  readonly #prefix: string
  readonly #names = new Map<string, string>()

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  name(old: string): string {
    const known = this.#names.get(old)
    if (known !== undefined) return known
    const name = `${this.#prefix}${this.#names.size}`
    this.#names.set(old, name)
    return name
  }

  find(old: string): string {
    return this.#names.get(old) ?? '?'
  }
}
