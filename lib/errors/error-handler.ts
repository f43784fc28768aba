import type { FastifyReply, FastifyRequest } from 'fastify'
import { defaultReply } from './default-handlers.ts'
import {
  applyHeaders,
  cleanHeaders,
  dropInvalidHeaders,
  fromWeb,
  sendReply,
  streamOf,
  whenReadable
} from './error-reply.ts'
import { HTTPException } from './http-exception.ts'
import { asHTTPException, normalizeError } from './normalize-error.ts'
import type { ErrorSettings } from './options.ts'
import { type Entry, type ExceptionTable, keyName } from './registry.ts'
import { JSON_TYPE } from './render.ts'
import {
  logSafely,
  reportAborted,
  reportHandled,
  reportHandlerFailed,
  reportLate,
  startOfHandling
} from './report.ts'
import { tableFor } from './scope.ts'
import { SendWatch } from './send-watch.ts'
import { SessionError, takesTokens } from './session-errors.ts'
import type { ExceptionHandler, HandlerContext, HandlerResult, NormalizedError } from './types.ts'

/** How many different errors one request may lead through: handlers may throw, and theirs too. */
const MAX_ERRORS = 5
const noneUsed: ReadonlySet<ExceptionHandler> = new Set()

/** One error of one request on its way to its reply. */
interface Handling {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** The first thing thrown in this request. */
  readonly original: unknown
  readonly table: ExceptionTable
  readonly settings: ErrorSettings
  readonly startedNs: bigint
  /** Handlers that were called. Each is called once. */
  used: Set<ExceptionHandler> | undefined
  /** How many different errors there were so far. */
  errors: number
  /** Whose headers are on the reply already; cookies among them would be added twice. */
  applied: NormalizedError | undefined
  /** Another error that a handler passed on, and who answers it: that is what is reported. */
  passedOn: { readonly error: NormalizedError; readonly entry: Entry | undefined } | undefined
}

/**
 * The function behind `setErrorHandler`: from whatever was thrown to one reply.
 *
 * Normalizes it, finds the handler, calls it, sends its answer and reports. Where a handler fails or
 * does not answer, the next one is called; the last is a default handler. Sends by itself and
 * returns nothing, also while a handler's promise is open.
 */
export function handleError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (reply.raw.headersSent) {
    // Nothing honest can be added to a reply that has begun.
    reportLate(thrown, 'headers-sent', request)
    reply.hijack()
    reply.raw.destroy()
    return
  }
  if (reply.raw.destroyed) {
    reportAborted(thrown, request)
    return
  }
  const table = tableFor(request)
  const handling: Handling = {
    request,
    reply,
    original: thrown,
    table,
    settings: table.settings,
    startedNs: startOfHandling(),
    used: undefined,
    errors: 0,
    applied: undefined,
    passedOn: undefined
  }
  guard(handling, () => start(handling, thrown))
}

/** Runs a step; a fault in it, which would be ours, ends in a constant reply. */
function guard({ request, reply }: Handling, step: () => void): void {
  try {
    step()
  } catch (fault) {
    logSafely(request, 'error', 'handling an error failed', () => ({ err: fault }))
    if (reply.sent) return
    if (reply.raw.headersSent) {
      // A reply that was begun and that nobody goes on with: its end tells the client.
      reply.raw.destroy()
      return
    }
    reply.raw.statusCode = 500
    // A header that Node refuses may be the fault.
    dropInvalidHeaders(reply)
    reply.type(JSON_TYPE).send('{"detail":"Internal Server Error"}')
  }
}

/** Normalizes an error and prepares the reply: the first one, or another that a handler threw. */
function start(handling: Handling, thrown: unknown): void {
  const { request, reply, settings } = handling
  if (++handling.errors > MAX_ERRORS) throw new Error('Too many errors in one request')
  const error = normalize(handling, thrown)
  // A serialiser that the route set is applied even to strings.
  reply.serializer(null as never)
  cleanHeaders(reply, settings.stripHeaders)
  handling.passedOn = undefined
  if (error.error instanceof SessionError && takesTokens(error.error))
    clearTokensSafely(request, settings)
  answer(handling, error)
}

/** The reply's status speaks for the first error only: later it is one that was written here. */
function normalize(handling: Handling, thrown: unknown): NormalizedError {
  const { request, reply, settings } = handling
  const isFirst = thrown === handling.original && handling.errors === 1
  return normalizeError(thrown, request, isFirst ? reply : undefined, settings)
}

/** Calls the next handler in line, the default one at last. */
function answer(handling: Handling, error: NormalizedError): void {
  const entry = nextHandler(handling, error)
  if (entry !== undefined) {
    callHandler(handling, error, entry)
    return
  }
  const { request, settings } = handling
  const reply = defaultReply(error, request, settings)
  if (reply instanceof Promise)
    void reply.then((page) => guard(handling, () => send(handling, error, undefined, page)))
  else send(handling, error, undefined, reply)
}

/** Finds the next handler in line, and sets the error's status and headers on the reply for it. */
function nextHandler(handling: Handling, error: NormalizedError): Entry | undefined {
  const { reply, table, used = noneUsed } = handling
  const entry = table.find(error, used)
  // Not reply.code(), which would turn a handler's reply.redirect() into this status.
  reply.raw.statusCode = error.status
  if (error.headers !== undefined && handling.applied !== error) {
    handling.applied = error
    applyHeaders(reply, error.headers)
  }
  return entry
}

/** Calls a handler of the app and goes on with what comes of it. */
function callHandler(handling: Handling, error: NormalizedError, entry: Entry): void {
  const { reply } = handling
  const shown = shownError(error, entry)
  const watch = new SendWatch(reply, {
    sendError: (sent) => guard(handling, () => answerAgain(handling, error, shown, sent)),
    sendValue: (value) => guard(handling, () => send(handling, error, entry, value))
  })
  const finish = (value: unknown): void => finished(handling, { error, shown, entry, watch }, value)
  const fail = (thrown: unknown): void => failed(handling, { error, shown, entry, watch }, thrown)
  let result: HandlerResult
  try {
    result = invoke(handling, error, shown, entry)
  } catch (thrown) {
    fail(thrown)
    return
  }
  if (result !== reply && isThenable(result))
    result.then(
      (value) => guard(handling, () => finish(value)),
      (thrown) => guard(handling, () => fail(thrown))
    )
  else finish(result)
}

/** One call of a handler. */
interface Call {
  readonly error: NormalizedError
  /** What the handler received. */
  readonly shown: Error
  readonly entry: Entry
  readonly watch: SendWatch
}

function invoke(
  handling: Handling,
  error: NormalizedError,
  shown: Error,
  { handler, owner }: Entry
): HandlerResult {
  const { request, reply, original } = handling
  handling.used ??= new Set()
  handling.used.add(handler)
  const context: HandlerContext = {
    status: error.status,
    original,
    next: (other: unknown = shown) =>
      other === shown ? askNext(handling, error) : passOn(handling, normalize(handling, other))
  }
  return handler.call(owner, shown, request, reply, context)
}

/** What the next handler says, for the handler that asks. */
function askNext(handling: Handling, error: NormalizedError): HandlerResult {
  return ask(handling, error, nextHandler(handling, error))
}

/** What is said of another error than the one that a handler was given. */
function passOn(handling: Handling, error: NormalizedError): HandlerResult {
  const entry = nextHandler(handling, error)
  handling.passedOn = { error, entry }
  return ask(handling, error, entry)
}

function ask(handling: Handling, error: NormalizedError, entry: Entry | undefined): HandlerResult {
  if (entry === undefined) return defaultReply(error, handling.request, handling.settings)
  return invoke(handling, error, shownError(error, entry), entry)
}

/** Handlers of HTTPException and of statuses get one, also for an error of another library. */
function shownError(error: NormalizedError, { key }: Entry): Error {
  if (key === HTTPException) return asHTTPException(error)
  if (error.kind !== 'http' || typeof key !== 'number') return error.error
  const { statusCode } = error.error as { statusCode?: unknown }
  return statusCode === error.status ? error.error : asHTTPException(error)
}

function finished(handling: Handling, call: Call, value: unknown): void {
  const { request, reply } = handling
  const { error, shown, entry, watch } = call
  // A handler that returns `reply` answers later.
  if (watch.outcome !== 'nothing' || value === reply) return
  watch.stop()
  if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) {
    report(handling, error, entry)
  } else if (value instanceof Error) {
    answerAgain(handling, error, shown, value)
  } else if (value === undefined) {
    logHandler(request, entry, 'an exception handler neither returned nor sent a reply')
    answer(handling, error)
  } else {
    send(handling, error, entry, value)
  }
}

function failed(handling: Handling, call: Call, thrown: unknown): void {
  const { error, shown, entry, watch } = call
  reportHandlerFailed(handling.request, error, entry, thrown)
  if (watch.outcome === 'nothing') {
    watch.stop()
    answerAgain(handling, error, shown, thrown)
  } else {
    logHandler(handling.request, entry, 'an exception handler failed after it had answered', thrown)
  }
}

/** The same error goes to the next handler, another one starts from the beginning. */
function answerAgain(
  handling: Handling,
  error: NormalizedError,
  shown: Error,
  thrown: unknown
): void {
  if (thrown === shown || thrown === error.error) answer(handling, error)
  else start(handling, thrown)
}

/** Sends what a handler answered, and reports. */
function send(
  handling: Handling,
  error: NormalizedError,
  entry: Entry | undefined,
  value: unknown
): void {
  const { request, reply } = handling
  const sendable = entry === undefined ? value : fromWeb(value)
  const stream = request.method === 'HEAD' ? undefined : streamOf(sendable)
  if (entry === undefined || stream === undefined) {
    deliver(handling, error, entry, sendable)
    return
  }
  // Fastify answers a stream that fails before its first byte with the message of its error.
  whenReadable(stream, reply, (fault) =>
    guard(handling, () => {
      if (fault) streamFailed(handling, error, entry, fault)
      else deliver(handling, error, entry, sendable)
    })
  )
}

function deliver(
  handling: Handling,
  error: NormalizedError,
  entry: Entry | undefined,
  value: unknown
): void {
  const { reply, used } = handling
  if (used !== undefined) dropInvalidHeaders(reply)
  sendReply(reply, value)
  report(handling, error, entry)
}

function streamFailed(
  handling: Handling,
  error: NormalizedError,
  entry: Entry,
  fault: unknown
): void {
  const { request, reply } = handling
  if (reply.raw.destroyed) {
    reportAborted(fault, request)
    return
  }
  reportHandlerFailed(request, error, entry, fault)
  start(handling, fault)
}

/** The reply has been handed over: what fails here must not lead to another one. */
function report(handling: Handling, found: NormalizedError, handler: Entry | undefined): void {
  const { original, request, reply, settings, startedNs, passedOn } = handling
  const { error, entry } = passedOn ?? { error: found, entry: handler }
  const { statusCode: status } = reply
  try {
    reportHandled({ error, original, entry, status, request, reply, startedNs }, settings)
  } catch (fault) {
    logSafely(request, 'error', 'reporting an error failed', () => ({ err: fault }))
  }
}

function logHandler(request: FastifyRequest, { key }: Entry, text: string, err?: unknown): void {
  logSafely(request, 'error', text, () => ({ handler: keyName(key), err }))
}

function clearTokensSafely(request: FastifyRequest, { clearTokens }: ErrorSettings): void {
  try {
    clearTokens?.(request)
  } catch (fault) {
    logSafely(request, 'error', 'clearing the tokens failed', () => ({ err: fault }))
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
