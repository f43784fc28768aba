import type { FastifyRequest } from 'fastify'
import type { SessionRecord } from '../stores/store.ts'
import { publish } from './events.ts'

/** As many refresh tokens are remembered; each takes about 150 bytes. */
const MAX_TOKENS = 10_000
/** Tabs and retries stay far below: they come within seconds of one another. */
const UNUSUAL = 20

/**
 * Counts how often each refresh token is exchanged. Rotation cannot tell a thief who always comes
 * within the grace period from another tab; the app can look at who exchanges so often.
 */
export class RepeatedExchanges {
  /** In the order of their first exchange. */
  readonly #counts = new Map<string, number>()

  note(
    hash: string,
    { handle: sessionHandle, userId }: SessionRecord,
    request: FastifyRequest | null
  ): void {
    const count = (this.#counts.get(hash) ?? 0) + 1
    this.#counts.set(hash, count)
    if (count === 1) {
      if (this.#counts.size > MAX_TOKENS)
        this.#counts.delete(String(this.#counts.keys().next().value))
      return
    }
    if (count === UNUSUAL)
      request?.log.warn({ count }, 'a refresh token was exchanged unusually often')
    const isUnusual = count >= UNUSUAL
    publish({ kind: 'reused', sessionHandle, userId, count, isUnusual, request })
  }
}
