import type { FastifyReply, FastifyRequest } from 'fastify'
import { channels, type HandlerFailedMessage } from './channels.ts'
import { answerByDefault } from './default-handlers.ts'
import { ErrorReply } from './error-reply.ts'
import { type Failure, understand } from './failure.ts'
import type { Entry } from './handler-maps.ts'
import { logSafely } from './log.ts'
import { noteOutcome } from './outcome.ts'
import type { ExceptionTable } from './registry.ts'
import { jsonType } from './renderers.ts'
import { applyHeaders, cleanHeaders, type DropListener } from './reply-headers.ts'
import { respond } from './respond.ts'
import { tableFor } from './scope.ts'
import { SessionError } from './session-errors.ts'
import { Turn } from './turn.ts'
import type { ExceptionHandler, HandlerResult } from './types.ts'

/** How many different errors one request may lead through: handlers may throw, and theirs too. */
const maxErrors = 5

const noneUsed: ReadonlySet<ExceptionHandler> = new Set()

/**
 * The way from one thrown value to one reply: understand it, prepare the reply, give handlers their
 * turns until one answers, each at most once.
 */
export class Answering implements DropListener {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** The first thing thrown in this request. */
  readonly original: unknown
  readonly #table: ExceptionTable
  #used: Set<ExceptionHandler> | undefined
  readonly #startedNs = isWatched() ? process.hrtime.bigint() : 0n
  #errors = 0
  /** Whose headers are on the reply already; cookies among them would be added twice. */
  #applied: Failure | undefined

  constructor(thrown: unknown, request: FastifyRequest, reply: FastifyReply) {
    this.original = thrown
    this.request = request
    this.reply = reply
    this.#table = tableFor(request)
  }

  start(): void {
    this.guard(() => this.resolve(this.original))
  }

  /** Runs a step; a fault in it, which would be ours, ends in a constant reply. */
  guard(step: () => void): void {
    try {
      step()
    } catch (fault) {
      logSafely(this.request, 'error', 'answering an error failed', () => ({ err: fault }))
      this.#answerConstant()
    }
  }

  /** Answers an error from the start: another one than before, or the first. */
  resolve(thrown: unknown): void {
    if (++this.#errors > maxErrors) throw new Error('Too many errors in one request')
    const failure = this.understand(thrown)
    // A serialiser that the route set is applied even to strings.
    this.reply.serializer(null as never)
    cleanHeaders(this.reply, this.#table.settings.stripHeaders, this)
    this.#clearTokens(failure)
    this.attempt(failure)
  }

  /** Gives the next handler its turn. */
  attempt(failure: Failure): void {
    const entry = this.#next(failure)
    if (entry !== undefined) {
      new Turn(this, entry, failure).take()
      return
    }
    const answer = answerByDefault(failure, this.request, this.#table.settings)
    if (answer instanceof ErrorReply) this.send(answer, failure, undefined)
    else void answer.then((page) => this.guard(() => this.send(page, failure, undefined)))
  }

  /** What the next handler says, for the handler that asks. */
  ask(failure: Failure): HandlerResult {
    const entry = this.#next(failure)
    if (entry === undefined) return answerByDefault(failure, this.request, this.#table.settings)
    return new Turn(this, entry, failure).call()
  }

  understand(thrown: unknown): Failure {
    return understand(thrown, this.request, this.reply, this.#table.settings)
  }

  markUsed(handler: ExceptionHandler): void {
    this.#used ??= new Set()
    this.#used.add(handler)
  }

  /** Sends a handler's answer and notes the outcome. */
  send(value: unknown, failure: Failure, entry: Entry | undefined): void {
    respond(this.reply, value, this)
    this.noteOutcome(failure, entry)
  }

  noteOutcome(failure: Failure, entry: Entry | undefined): void {
    const { original, request, reply } = this
    const { statusCode: status } = reply
    const startedNs = this.#startedNs
    const outcome = { failure, original, entry, status, request, reply, startedNs }
    noteOutcome(outcome, this.#table.settings)
  }

  /** Publishes what a handler threw. */
  noteHandlerFailed({ error }: Failure, secondary: unknown, { key }: Entry): void {
    if (!channels.handlerFailed.hasSubscribers) return
    const { request } = this
    channels.handlerFailed.publish({
      error,
      secondary,
      key,
      request
    } satisfies HandlerFailedMessage)
  }

  headerDropped(header: string): void {
    this.request.log.warn({ header }, 'a header of an error reply is invalid and was dropped')
  }

  /** The next handler in line, with the reply prepared for it. */
  #next(failure: Failure): Entry | undefined {
    const { status, headers } = failure
    const entry = this.#table.find(failure, this.#used ?? noneUsed)
    // Not reply.code(), which would turn a handler's reply.redirect() into this status.
    this.reply.raw.statusCode = status
    const applies = entry === undefined || this.#table.settings.applyHeaders === 'always'
    if (headers !== undefined && applies && this.#applied !== failure) {
      this.#applied = failure
      applyHeaders(this.reply, headers, this)
    }
    return entry
  }

  #clearTokens({ error }: Failure): void {
    if (!(error instanceof SessionError) || !error.clearTokens) return
    try {
      this.#table.settings.clearTokens?.(this.request, this.reply)
    } catch (fault) {
      logSafely(this.request, 'error', 'clearing the tokens failed', () => ({ err: fault }))
    }
  }

  #answerConstant(): void {
    const { reply } = this
    if (reply.sent || reply.raw.headersSent) return
    reply.raw.statusCode = 500
    reply.type(jsonType).send('{"detail":"Internal Server Error"}')
  }
}

/** Only those who listen to the channels learn how long an answer took. */
function isWatched(): boolean {
  return channels.handled.hasSubscribers || channels.unhandled.hasSubscribers
}
