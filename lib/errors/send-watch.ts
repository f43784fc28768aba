import type { FastifyReply } from 'fastify'

/** Whether a handler of the app is answering with this reply. */
export function isWatched(reply: FastifyReply): boolean {
  return Object.hasOwn(reply, 'send')
}

/** Who takes over what a handler sends. */
export interface Sender {
  /** A handler sent an error: it wants it resolved, not printed. */
  sendError(error: Error): void
  sendValue(value: unknown): void
}

/**
 * Watches one reply for `send` while an app's handler answers an error.
 *
 * Fastify cannot tell whether a handler has sent: `reply.sent` turns true only when the socket ends,
 * after every `onSend` hook. Without knowing, a handler that forgot to answer leaves the client
 * hanging, one that forgot to return `reply` sends twice, and an error sent by it
 * (`reply.notFound()`) reaches Fastify's default handler, which prints its message. The own property
 * is gone as soon as it is used, and it never exists while no handler of an app runs.
 */
export class SendWatch {
  /** What was sent so far. */
  outcome: 'nothing' | 'value' | 'error' = 'nothing'
  readonly #reply: FastifyReply
  readonly #sender: Sender

  constructor(reply: FastifyReply, sender: Sender) {
    this.#reply = reply
    this.#sender = sender
    const value = (payload?: unknown) => this.#take(payload)
    Object.defineProperty(reply, 'send', { configurable: true, writable: true, value })
  }

  /** Gives the reply its own `send` back. */
  stop(): void {
    if (this.outcome === 'nothing') Reflect.deleteProperty(this.#reply, 'send')
  }

  #take(payload: unknown): FastifyReply {
    this.stop()
    if (payload instanceof Error) {
      this.outcome = 'error'
      this.#sender.sendError(payload)
    } else {
      this.outcome = 'value'
      this.#sender.sendValue(payload)
    }
    return this.#reply
  }
}
