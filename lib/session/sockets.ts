import type { Revocation } from '../stores/store.ts'
import { createdAtOf } from './records.ts'
import type { ClosableSocket } from './types.ts'

/** The `readyState` of a socket that is closed and will not say so again. */
const CLOSED = 3

/** A socket, and how to learn and to do what its session asks for. */
export interface HeldSocket {
  readonly handle: string
  readonly userId: string
  readonly socket: ClosableSocket
  readonly checkEveryMs: number
  isSessionAlive(): Promise<boolean>
  /** Closes the socket. */
  end(): void
  /** The check itself failed, which says nothing about the session. */
  onFailure(error: unknown): void
}

/** The sockets of one registration that close with their sessions. */
export class SessionSockets {
  readonly #watches = new Map<string, Set<SocketWatch>>()

  hold(held: HeldSocket): void {
    const { handle, socket } = held
    if (socket.readyState === CLOSED) return
    const watch = new SocketWatch(held)
    const ofSession = this.#watches.get(handle) ?? new Set()
    this.#watches.set(handle, ofSession.add(watch))
    socket.once('close', () => {
      watch.stop()
      ofSession.delete(watch)
      if (ofSession.size === 0) this.#watches.delete(handle)
    })
    watch.start()
  }

  /** Closes the sockets of sessions that were revoked. */
  endRevoked(revocations: readonly Revocation[]): void {
    for (const revocation of revocations) {
      if ('handle' in revocation) this.#endOf(revocation.handle)
      else this.#endOfUser(revocation.userId, revocation.createdBefore)
    }
  }

  #endOf(handle: string): void {
    for (const watch of this.#watches.get(handle) ?? []) watch.end()
  }

  #endOfUser(userId: string, createdBefore: number): void {
    for (const [handle, ofSession] of this.#watches) {
      if (!(createdAtOf(handle) < createdBefore)) continue
      for (const watch of ofSession) if (watch.userId === userId) watch.end()
    }
  }

  /** Lets go of all sockets; they stay as they are. */
  stop(): void {
    for (const ofSession of this.#watches.values()) for (const watch of ofSession) watch.stop()
  }
}

/** Asks for one socket whether its session is alive, now and every so often. */
class SocketWatch {
  readonly #held: HeldSocket
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(held: HeldSocket) {
    this.#held = held
  }

  get userId(): string {
    return this.#held.userId
  }

  start(): void {
    void this.#check()
  }

  end(): void {
    if (this.#isOver) return
    this.stop()
    this.#held.end()
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  async #check(): Promise<void> {
    const { isSessionAlive, onFailure, checkEveryMs } = this.#held
    try {
      if (!(await isSessionAlive())) this.end()
    } catch (error) {
      onFailure(error)
    }
    if (this.#isOver) return
    // Armed after the answer: a slow store is not asked twice at a time.
    this.#timer = setTimeout(() => this.start(), checkEveryMs)
    this.#timer.unref()
  }
}
