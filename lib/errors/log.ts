import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Failure } from './failure.ts'
import { keyName } from './handler-maps.ts'
import type { Outcome } from './outcome.ts'
import { SessionError, TokenTheftDetectedError } from './session-errors.ts'
import type { ErrorSettings } from './settings.ts'
import { ValidationException } from './validation/validation-error.ts'

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
export function logOutcome(outcome: Outcome, { errorLogLevel }: ErrorSettings): void {
  const { request, failure, status } = outcome
  if (request.server.initialConfig.disableRequestLogging === true) return
  const level = (errorLogLevel ?? levelOf)(failure.error, status, failure)
  if (level === false || !isEnabled(request, level)) return
  logSafely(request, level, texts[level], () => fieldsOf(outcome))
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

function levelOf(_error: Error, status: number, failure: Failure): Level {
  const sessionLevel = sessionLevels[failure.sessionType ?? '']
  if (sessionLevel !== undefined) return sessionLevel
  if (status >= 500) return 'error'
  return failure.kind === 'http' && (status === 404 || status === 405) ? 'debug' : 'info'
}

function fieldsOf(outcome: Outcome): Record<string, unknown> {
  const { failure, original, entry, status, request } = outcome
  const { error } = failure
  const handler = entry && keyName(entry.key)
  if (error instanceof SessionError) return sessionFields(error)
  if (status >= 500) {
    const { method, routeOptions } = request
    const first = original === error ? undefined : describeOriginal(original)
    return { err: error, original: first, method, route: routeOptions.url, status, handler }
  }
  if (error instanceof ValidationException) return validationFields(error, status)
  // Without the stack: a client's mistake has no place in our code.
  const { name, message } = error
  return { error: { name, message, code: failure.code, cause: causeText(error) }, status, handler }
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

function sessionFields(error: SessionError): Record<string, unknown> {
  const { type, message } = error
  if (!(error instanceof TokenTheftDetectedError)) return { type, message }
  return { type, message, session: digest(error.payload.sessionHandle) }
}

/** Enough to find the lines of one session, not enough to find the session. */
function digest(handle: string): string {
  return createHash('sha256').update(handle).digest('hex').slice(0, 16)
}
