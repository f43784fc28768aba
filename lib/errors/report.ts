import { createHash } from 'node:crypto'
import { type Channel, channel } from 'node:diagnostics_channel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorSettings } from './options.ts'
import { type Entry, keyName } from './registry.ts'
import { SESSION_ERROR_REASONS, SessionError, TokenTheftDetectedError } from './session-errors.ts'
import type { ExceptionKey, NormalizedError } from './types.ts'
import { ValidationException } from './validation/validation-error.ts'
import { WebSocketException } from './websocket/websocket-exception.ts'

/** Where an error was found when there was no reply left to give. */
export type LatePhase = 'headers-sent' | 'background'

/** What is published on the channel `fastify-supersession:exception`. */
export type ExceptionMessage = HandledMessage | LateMessage | HandlerFailedMessage

/** An error's reply was handed over. */
export interface HandledMessage {
  /** `unhandled`: only the catch-all or the default answered it. */
  readonly kind: 'handled' | 'unhandled'
  readonly error: Error
  /** The first thing thrown in the request. */
  readonly original: unknown
  /** What the handler that answered is registered for; `null` for a default one. */
  readonly key: ExceptionKey | null
  readonly status: number
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** From the error to the reply, in nanoseconds. */
  readonly durationNs: bigint
}

/** An error came when there was no reply left to give. */
export interface LateMessage {
  readonly kind: 'late'
  readonly error: unknown
  readonly phase: LatePhase
  readonly request: FastifyRequest
}

/** An exception handler threw. Published besides what is published for the reply. */
export interface HandlerFailedMessage {
  readonly kind: 'handler-failed'
  readonly error: Error
  /** What the handler threw. */
  readonly secondary: unknown
  readonly key: ExceptionKey
  readonly request: FastifyRequest
}

/** What is published on the channel `fastify-supersession:session` when a session is refused. */
export interface SessionRefusedMessage {
  readonly kind: 'refused'
  /** The name of the session error, or the code of another that has a reason. */
  readonly type: string
  /** Why, as a stable code. */
  readonly reason: string | undefined
  readonly status: number
  readonly request: FastifyRequest
}

/** The channels of `node:diagnostics_channel`. Messages are only made where somebody listens. */
const exceptions: Channel = channel('fastify-supersession:exception')
const sessions: Channel = channel('fastify-supersession:session')

/** What became of an error. */
export interface Outcome {
  readonly error: NormalizedError
  /** The first thing thrown in the request; another than the error when a handler threw. */
  readonly original: unknown
  /** The handler that answered; `undefined` for a default one. */
  readonly entry: Entry | undefined
  readonly status: number
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly startedNs: bigint
}

/** When the handling of an error began; 0 where nobody listens who is to learn how long it took. */
export function startOfHandling(): bigint {
  return exceptions.hasSubscribers ? process.hrtime.bigint() : 0n
}

/** Logs what became of an error, and publishes it. */
export function reportHandled(outcome: Outcome, settings: ErrorSettings): void {
  logOutcome(outcome, settings)
  if (outcome.startedNs !== 0n) exceptions.publish(handledMessage(outcome))
  warnOfStatus(outcome, settings)
  if (!sessions.hasSubscribers) return
  const { error, status, request } = outcome
  const reason = reasonOf(error)
  const type = error.sessionType ?? (reason === undefined ? undefined : error.code)
  if (type === undefined) return
  sessions.publish({
    kind: 'refused',
    type,
    reason,
    status,
    request
  } satisfies SessionRefusedMessage)
}

/** Why a session was refused. What is not of this package may say anything there. */
function reasonOf({ error, code }: NormalizedError): string | undefined {
  const isOurs = error instanceof SessionError || code?.startsWith('SUPERSESSION_') === true
  const { reason } = error as Partial<SessionError>
  return isOurs && Object.hasOwn(SESSION_ERROR_REASONS, String(reason)) ? reason : undefined
}

/** Publishes what a handler threw. */
export function reportHandlerFailed(
  request: FastifyRequest,
  { error }: NormalizedError,
  { key }: Entry,
  secondary: unknown
): void {
  if (!exceptions.hasSubscribers) return
  const kind = 'handler-failed'
  exceptions.publish({ kind, error, secondary, key, request } satisfies HandlerFailedMessage)
}

/** Logs and publishes an error that came too late to be answered. */
export function reportLate(error: unknown, phase: LatePhase, request: FastifyRequest): void {
  logSafely(request, 'error', lateTexts[phase], () => ({ err: error, phase }))
  if (!exceptions.hasSubscribers) return
  exceptions.publish({ kind: 'late', error, phase, request } satisfies LateMessage)
}

/** Logs an error of a request whose client has gone; nobody is there to be answered. */
export function reportAborted(error: unknown, request: FastifyRequest): void {
  logSafely(request, 'info', 'client aborted', () => ({ reason: String(error) }))
}

const lateTexts: Readonly<Record<LatePhase, string>> = {
  'headers-sent': 'request failed after its reply had begun',
  background: 'work after the reply failed'
}

function handledMessage(outcome: Outcome): HandledMessage {
  const { error: normalized, original, entry, status, request, reply, startedNs } = outcome
  return {
    kind: isUnhandled(outcome) ? 'unhandled' : 'handled',
    error: normalized.error,
    original,
    key: entry?.key ?? null,
    status,
    request,
    reply,
    durationNs: process.hrtime.bigint() - startedNs
  }
}

/** Only a handler of the error's own kind handles it; a catch-all answers what was not expected. */
function isUnhandled({ error, entry }: Outcome): boolean {
  return (
    error.kind === 'server' && (entry === undefined || entry.key === Error || entry.key === 500)
  )
}

/** Handlers that were warned of already. */
const warned = new WeakSet<Entry>()

/** Front ends refresh, or log out, by the status alone; a handler with another one breaks both. */
function warnOfStatus({ error, entry, status, request }: Outcome, settings: ErrorSettings): void {
  const { sessionType } = error
  if (sessionType !== 'UNAUTHORISED' && sessionType !== 'TRY_REFRESH_TOKEN') return
  const expected = settings.sessionExpiredStatusCode
  if (entry === undefined || status === expected || warned.has(entry)) return
  warned.add(entry)
  const text = 'a handler answered a session error with a status that front ends do not act on'
  request.log.warn({ type: sessionType, status, expected }, text)
}

type Level = 'error' | 'warn' | 'info' | 'debug'

/** Constant, so that no message can forge a line; everything that varies is a field. */
const texts: Readonly<Record<Level, string>> = {
  error: 'request failed',
  warn: 'request refused',
  info: 'request refused',
  debug: 'request refused'
}

const sessionLevels: Readonly<Record<string, Level>> = {
  UNAUTHORISED: 'debug',
  TRY_REFRESH_TOKEN: 'debug',
  TOKEN_THEFT_DETECTED: 'warn'
}

/** Writes the one line an error gets. */
function logOutcome(outcome: Outcome, { errorLogLevel }: ErrorSettings): void {
  const { request, error: normalized, status } = outcome
  if (isSilent(request)) return
  const level = (errorLogLevel ?? levelOf)(normalized.error, status, normalized)
  if (level === false || !isEnabled(request, level)) return
  logSafely(request, level, texts[level], () => fieldsOf(outcome))
}

/** Whether the app wants no lines of this request. Fastify's `logController` tells nobody. */
function isSilent(request: FastifyRequest): boolean {
  const { disableRequestLogging: asked } = request.server.initialConfig
  return typeof asked === 'function' ? asked(request) : asked === true
}

/** Logs fields that are read from, or hold, a foreign error. */
export function logSafely(
  request: FastifyRequest,
  level: Level,
  text: string,
  fields: () => Record<string, unknown>
): void {
  try {
    request.log[level](fields(), text)
  } catch {
    // Pino's serialisers write to the errors they are given, which a frozen one does not allow, and
    // read what a hostile one does not let them read.
    request.log[level](text)
  }
}

function isEnabled(request: FastifyRequest, level: Level): boolean {
  const log = request.log as { isLevelEnabled?: (level: string) => boolean }
  return log.isLevelEnabled?.(level) ?? true
}

function levelOf(_error: Error, status: number, normalized: NormalizedError): Level {
  const sessionLevel = sessionLevels[normalized.sessionType ?? '']
  if (sessionLevel !== undefined) return sessionLevel
  if (status >= 500) return 'error'
  return normalized.kind === 'http' && (status === 404 || status === 405) ? 'debug' : 'info'
}

function fieldsOf(outcome: Outcome): Record<string, unknown> {
  const { error: normalized, original, entry, status, request } = outcome
  const { error } = normalized
  const handler = entry && keyName(entry.key)
  if (error instanceof SessionError) return sessionFields(error, status)
  if (status >= 500) {
    const { method, routeOptions } = request
    const first = original === error ? undefined : describeOriginal(original)
    return { err: error, original: first, method, route: routeOptions.url, status, handler }
  }
  if (error instanceof ValidationException) return validationFields(error, status)
  // Without the stack: a client's mistake has no place in our code.
  const { name, message } = error
  return {
    error: { name, message, code: codeOf(normalized), cause: causeText(error) },
    reason: reasonOf(normalized),
    status,
    handler
  }
}

function codeOf({ error, code }: NormalizedError): string | number | undefined {
  return error instanceof WebSocketException ? error.code : code
}

/** The error that a handler answered with another one. */
function describeOriginal(original: unknown): Record<string, unknown> {
  if (!(original instanceof Error)) return { type: typeof original }
  const { name, message, stack } = original
  return { name, message, stack }
}

function causeText({ cause }: Error): string | undefined {
  return cause === undefined ? undefined : String(cause)
}

/** Where and what, but no values: they are the client's. */
function validationFields(error: ValidationException, status: number): Record<string, unknown> {
  const issues = error.errors()
  const first = issues.slice(0, 5).map(({ loc, type }) => ({ loc, type }))
  return { count: issues.length, issues: first, status }
}

function sessionFields(error: SessionError, status: number): Record<string, unknown> {
  const { type, message, reason } = error
  const isTheft = error instanceof TokenTheftDetectedError
  const session = isTheft ? digest(error.payload.sessionHandle) : undefined
  return { type, message, reason, status, session }
}

/** Enough to find the lines of one session, not enough to find the session. */
function digest(handle: string): string {
  return createHash('sha256').update(handle).digest('hex').slice(0, 16)
}
