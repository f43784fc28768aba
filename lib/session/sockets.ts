import type { FastifyRequest } from 'fastify'
import { UnauthorisedError } from '../errors/session-errors.ts'
import { webSocketErrorHandler } from '../errors/websocket/socket-errors.ts'
import { checkNames, OptionsError } from '../options/checks.ts'
import type { Revocation } from '../stores/store.ts'
import { createdAtOf } from './records.ts'
import type { ClosableSocket } from './types.ts'

/** The `readyState` of a socket that is closed and will not say so again. */
const CLOSED = 3

/** As the errors plugin closes a socket whose session is refused, where there is a request. */
const UNAUTHORISED_CLOSE_CODE = 4401
const MIN_CHECK_SECONDS = 0.001
const MAX_CHECK_SECONDS = 86_400

/** The session of a socket. */
export interface SocketSession {
  readonly handle: string
  readonly userId: string
  /** The one that opened the socket; `null` where the app took the token from somewhere itself. */
  readonly request: FastifyRequest | null
  isAlive(): Promise<boolean>
}

/** The sockets of one registration that close with their sessions. */
export class SessionSockets {
  readonly #watches = new Map<string, Set<SocketWatch>>()

  /**
   * Closes a socket when its session has ended.
   *
   * @throws {@link OptionsError} An option is unknown, or the socket is none.
   * @throws RangeError `everySeconds` is out of bounds.
   */
  attach(
    socket: ClosableSocket,
    session: SocketSession,
    options: { readonly everySeconds?: number } = {}
  ): void {
    checkNames(options, ['everySeconds'], 'session.attachSocket')
    const { everySeconds = 10 } = options
    // A timer takes NaN, and what is longer than 24 days, for a millisecond.
    if (!(everySeconds >= MIN_CHECK_SECONDS && everySeconds <= MAX_CHECK_SECONDS))
      throw new RangeError(`everySeconds must be from ${MIN_CHECK_SECONDS} to ${MAX_CHECK_SECONDS}`)
    const { close, once } = Object(socket) as Partial<ClosableSocket>
    if (typeof close !== 'function' || typeof once !== 'function')
      throw new OptionsError('session.attachSocket.socket', 'a WebSocket', socket)
    if (socket.readyState === CLOSED) return
    const { handle } = session
    const watch = new SocketWatch(socket, session, everySeconds * 1000)
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
      else if ('userId' in revocation) this.#endOfUser(revocation.userId, revocation.createdBefore)
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
  readonly #socket: ClosableSocket
  readonly #session: SocketSession
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(socket: ClosableSocket, session: SocketSession, everyMs: number) {
    this.#socket = socket
    this.#session = session
    this.#everyMs = everyMs
  }

  get userId(): string {
    return this.#session.userId
  }

  start(): void {
    void this.#check()
  }

  end(): void {
    if (this.#isOver) return
    this.stop()
    const error = new UnauthorisedError()
    const { request } = this.#session
    if (request !== null) webSocketErrorHandler(error, this.#socket, request)
    else
      try {
        this.#socket.close(UNAUTHORISED_CLOSE_CODE, error.type)
      } catch {
        // Some throw where they are closed already: the session ends all the same.
      }
  }

  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  async #check(): Promise<void> {
    try {
      if (!(await this.#session.isAlive())) this.end()
    } catch (err) {
      // It says nothing about the session: the socket stays open.
      this.#session.request?.log.error({ err }, 'the session of a socket was not checked')
    }
    if (this.#isOver) return
    // Armed after the answer: a slow store is not asked twice at a time.
    this.#timer = setTimeout(() => this.start(), this.#everyMs)
    this.#timer.unref()
  }
}
