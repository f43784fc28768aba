import {
  confirmByUse,
  type PresentedToken,
  rotate,
  startRotation
} from '../../lib/session/rotation.ts'

/** The tokens of a reply; `refresh` is `null` where the client keeps the one it has. */
export interface Given {
  readonly refresh: PresentedToken | null
  /** A `parentHash` of `null`: taken from now on without a look at the store. */
  readonly access: PresentedToken
}

/** What a server with one session makes of requests. */
export interface RuledSession {
  /** `'theft'`: the session is revoked. */
  refresh(shown: PresentedToken, nowMs: number): Given | 'theft'
  /** For an access token that carries a parent: what comes with the answer, or a 401. */
  use(shown: PresentedToken, nowMs: number): Given | null | '401'
}

export interface Rule {
  readonly name: string
  open(first: PresentedToken): RuledSession
}

/** The rule of `lib/session/rotation.ts`. */
export function supersessionRule(graceMs: number): Rule {
  return {
    name: 'supersession',
    open(first) {
      const names = new Map<string, string>()
      // A name for each derivation, in place of a MAC.
      const childHash = (parent: string, nonce: string, parentHash: string): string => {
        const derivation = `${parent} ${nonce} ${parentHash}`
        const known = names.get(derivation)
        if (known !== undefined) return known
        const name = `t${names.size}`
        names.set(derivation, name)
        return name
      }
      let state = startRotation(first.hash)
      let nonces = 0
      return {
        refresh(shown, nowMs) {
          const step = rotate(state, shown, {
            nowMs,
            graceMs,
            freshNonce: `n${nonces++}`,
            childHash: (nonce) => childHash(shown.hash, nonce, shown.hash)
          })
          if (step.outcome === 'theft') return 'theft'
          state = step.next ?? state
          if (step.outcome === 'kept') return { refresh: null, access: shown }
          const { nonce, parentHash } = step.child
          const token = { hash: childHash(shown.hash, nonce, parentHash), parentHash }
          return { refresh: token, access: token }
        },
        use(shown, nowMs) {
          const step = confirmByUse(state, shown, nowMs)
          if (step.outcome === 'stale') return '401'
          if (step.outcome === 'confirmed') state = step.next
          return { refresh: null, access: { hash: shown.hash, parentHash: null } }
        }
      }
    }
  }
}

/**
 * The rule that SuperTokens' SDK for Node uses: any number of children, the first that is shown
 * takes over, and whatever it replaced or rivalled is theft.
 */
export const legacyRule: Rule = {
  name: 'legacy',
  open(first) {
    let current = first.hash
    let issued = 0
    return {
      refresh(shown) {
        if (shown.parentHash === current) current = shown.hash
        if (shown.hash !== current) return 'theft'
        const token = { hash: `t${issued++}`, parentHash: current }
        return { refresh: token, access: token }
      },
      use(shown) {
        if (shown.parentHash === current) current = shown.hash
        if (shown.hash !== current) return null
        return { refresh: null, access: { hash: shown.hash, parentHash: null } }
      }
    }
  }
}

/**
 * The usual rule with a grace window, as in SuperTokens' core since 12.1: one live refresh token,
 * replaced at once; the one before is good for as long as the window is open.
 */
export function graceWindowRule(graceMs: number): Rule {
  return {
    name: 'grace window',
    open(first) {
      let current = first.hash
      let previous: string | null = null
      let rotatedAt = 0
      let issued = 0
      return {
        refresh({ hash }, nowMs) {
          if (hash === current) {
            previous = current
            rotatedAt = nowMs
          } else if (hash !== previous || nowMs > rotatedAt + graceMs) {
            return 'theft'
          }
          current = `t${issued++}`
          const refresh = { hash: current, parentHash: null }
          return { refresh, access: refresh }
        },
        use: () => null
      }
    }
  }
}
