import type { Answering } from './answering.ts'
import { DEFERRED } from './error-reply.ts'
import { asHTTPException, type Failure } from './failure.ts'
import { type Entry, keyName } from './handler-maps.ts'
import { HTTPException } from './http-exception.ts'
import { logSafely } from './log.ts'
import { type Sender, SendWatch } from './send-watch.ts'
import type { HandlerContext, HandlerResult } from './types.ts'

/** One handler's turn at one failure; to the handler, its context. */
export class Turn implements HandlerContext, Sender {
  readonly #answering: Answering
  readonly #entry: Entry
  readonly #failure: Failure
  /** What the handler receives. */
  readonly #error: Error

  constructor(answering: Answering, entry: Entry, failure: Failure) {
    this.#answering = answering
    this.#entry = entry
    this.#failure = failure
    this.#error = wantsException(entry, failure) ? asHTTPException(failure) : failure.error
  }

  get status(): number {
    return this.#failure.status
  }

  get original(): unknown {
    return this.#answering.original
  }

  next(error: unknown = this.#error): HandlerResult {
    const isSame = error === this.#error
    return this.#answering.ask(isSame ? this.#failure : this.#answering.understand(error))
  }

  /** Calls the handler and answers with what comes of it. */
  take(): void {
    const watch = new SendWatch(this.#answering.reply, this)
    let result: HandlerResult
    try {
      result = this.call()
    } catch (thrown) {
      this.#failed(thrown, watch)
      return
    }
    if (result !== this.#answering.reply && isThenable(result)) {
      result.then(
        (value) => this.#answering.guard(() => this.#finished(value, watch)),
        (thrown) => this.#answering.guard(() => this.#failed(thrown, watch))
      )
    } else {
      this.#finished(result, watch)
    }
  }

  /** Calls the handler; a sync one stays sync. */
  call(): HandlerResult {
    const { handler, owner } = this.#entry
    const { request, reply } = this.#answering
    this.#answering.markUsed(handler)
    return handler.call(owner, this.#error, request, reply, this)
  }

  sendError(error: Error): void {
    this.#answering.guard(() => this.#again(error))
  }

  sendValue(value: unknown): void {
    this.#answering.guard(() => this.#answering.send(value, this.#failure, this.#entry))
  }

  #finished(value: unknown, watch: SendWatch): void {
    const { reply } = this.#answering
    // A handler that returns `reply` answers later, like one that returns DEFERRED.
    if (watch.outcome !== 'nothing' || value === reply || value === DEFERRED) return
    watch.stop()
    if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) {
      this.#answering.noteOutcome(this.#failure, this.#entry)
    } else if (value instanceof Error) {
      this.#again(value)
    } else if (value === undefined) {
      this.#note('an exception handler neither returned nor sent a reply')
      this.#answering.attempt(this.#failure)
    } else {
      this.#answering.send(value, this.#failure, this.#entry)
    }
  }

  #failed(thrown: unknown, watch: SendWatch): void {
    this.#answering.noteHandlerFailed(this.#failure, thrown, this.#entry)
    if (watch.outcome === 'nothing') {
      watch.stop()
      this.#again(thrown)
    } else {
      this.#note('an exception handler failed after it had answered', thrown)
    }
  }

  /** The same error goes to the next handler, another one is resolved from the start. */
  #again(thrown: unknown): void {
    if (thrown === this.#error || thrown === this.#failure.error) {
      this.#answering.attempt(this.#failure)
    } else {
      this.#answering.resolve(thrown)
    }
  }

  #note(text: string, err?: unknown): void {
    const handler = keyName(this.#entry.key)
    logSafely(this.#answering.request, 'error', text, () => ({ handler, err }))
  }
}

/** Handlers of HTTPException and of statuses get one, also for an error of another library. */
function wantsException({ key }: Entry, { kind, error, status }: Failure): boolean {
  if (key === HTTPException) return true
  if (kind !== 'http' || typeof key !== 'number') return false
  return (error as { statusCode?: unknown }).statusCode !== status
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
