import type { FastifyRequest } from 'fastify'
import {
  anyOf,
  type Check,
  checkMembers,
  functionAtOnce,
  integerWithin,
  OptionsError,
  oneOf
} from '../options/checks.ts'
import type { StripHeaders } from './error-reply.ts'
import { renderDetail, renderFastify, renderProblem } from './render.ts'
import type { ErrorRenderer, HandlerTable, SessionErrorHandlers } from './types.ts'
import type { ValidationIssue } from './validation/validation-error.ts'

/** What the errors plugin takes; the plugins of sessions take the same. */
export interface ErrorsOptions {
  /** Handlers by class, status, code or session-error name. */
  exceptionHandlers?: HandlerTable
  /** Handlers of the session errors in SuperTokens' form. */
  errorHandlers?: SessionErrorHandlers
  /** Status of the errors that end a session or ask for a refresh. @defaultValue 401 */
  sessionExpiredStatusCode?: number
  /** Status of a failed claim; must differ from `sessionExpiredStatusCode`. @defaultValue 403 */
  invalidClaimStatusCode?: number
  /** The `WWW-Authenticate` of session errors; `false` sends none. @defaultValue 'Bearer' */
  challenge?: string | boolean
  /** `fastify` keeps Fastify's statuses and bodies. @defaultValue 'fastapi' */
  compat?: 'fastapi' | 'fastify'
  /** The form of error bodies. @defaultValue 'detail'; 'fastify' with `compat: 'fastify'` */
  render?: 'detail' | 'problem' | 'fastify' | ErrorRenderer
  validation?: ValidationOptions
  /**
   * Which errors may choose their status by `statusCode`: all as in Fastify, only those of known
   * kinds, or those the function accepts. @defaultValue 'fastify'
   */
  trustStatusCode?: 'fastify' | 'known' | ((error: Error) => boolean)
  /** Which headers set before the error are removed. @defaultValue 'representation' */
  stripHeaders?: 'representation' | 'all' | 'none' | readonly string[]
  /**
   * The level of an error's line in the log; `false` writes none.
   * @defaultValue `error` from status 500 on, `warn` for token theft, `debug` for 404, 405 and requests
   * without a good session, `info` for the rest
   */
  errorLogLevel?(error: unknown, status: number): 'error' | 'warn' | 'info' | 'debug' | false
  /**
   * Answer unhandled errors by a traceback. `true` is refused unless `NODE_ENV` is `development` or
   * `test`; `'force'` is accepted anywhere.
   * Browsers get a page with source lines if the package `youch-core` is installed.
   * @defaultValue false
   */
  debug?: boolean | 'force'
  /** Answer unknown paths. @defaultValue true */
  notFound?: boolean
  /**
   * Answer a known path with another method by 405 and `Allow`. Read where the plugin is registered
   * first. @defaultValue true
   */
  methodNotAllowed?: boolean
}

/** How the errors of a request that fails its schema are told. */
export interface ValidationOptions {
  /** Status of a request that fails its schema, 400 to 499. @defaultValue 422; 400 with `compat: 'fastify'` */
  status?: number
  /**
   * How much of the input is echoed: `scalar` leaves out objects and arrays and cuts strings at 256
   * characters. Fields named like secrets are never echoed. @defaultValue 'scalar'
   */
  input?: 'scalar' | 'full' | 'none'
  /** How many issues are listed, 1 to 10 000; one more entry says how many are not. @defaultValue 100 */
  maxIssues?: number
  /** Whether the message of a `pattern` issue shows the pattern. @defaultValue true */
  showPattern?: boolean
  /** Pydantic's sentences, Ajv's, or your own. @defaultValue 'pydantic' */
  messages?:
    | 'pydantic'
    | 'ajv'
    | ((issue: ValidationIssue, source: unknown, request: FastifyRequest) => string)
}

/** The options of a scope, checked and with every default filled in. */
export interface ErrorSettings {
  readonly sessionExpiredStatusCode: number
  readonly invalidClaimStatusCode: number
  /** The scheme for `WWW-Authenticate`, or none. */
  readonly challenge: string | false
  /** Takes the tokens from the client. Handed in by the sessions plugin; no option of the app. */
  readonly clearTokens: ((request: FastifyRequest) => void) | undefined
  readonly compat: 'fastapi' | 'fastify'
  readonly render: ErrorRenderer
  readonly validation: Readonly<Required<ValidationOptions>>
  readonly trustStatusCode: NonNullable<ErrorsOptions['trustStatusCode']>
  readonly stripHeaders: StripHeaders
  readonly errorLogLevel: ErrorsOptions['errorLogLevel']
  readonly debug: boolean | 'force'
  readonly notFound: boolean
  readonly methodNotAllowed: boolean
}

/** Everything an app does not say. */
const defaults: ErrorSettings = {
  sessionExpiredStatusCode: 401,
  invalidClaimStatusCode: 403,
  challenge: 'Bearer',
  clearTokens: undefined,
  compat: 'fastapi',
  render: renderDetail,
  validation: {
    status: 422,
    input: 'scalar',
    maxIssues: 100,
    showPattern: true,
    messages: 'pydantic'
  },
  trustStatusCode: 'fastify',
  stripHeaders: 'representation',
  errorLogLevel: undefined,
  debug: false,
  notFound: true,
  methodNotAllowed: true
}

type Given = Partial<Omit<ErrorSettings, 'validation'>> & {
  readonly validation?: ValidationOptions
}

/** What a `compat` changes where the app does not say otherwise. */
const presets: Readonly<Record<ErrorSettings['compat'], Given>> = {
  fastapi: {},
  fastify: { render: renderFastify, validation: { status: 400 } }
}

const renderers: Readonly<Record<string, ErrorRenderer>> = {
  detail: renderDetail,
  problem: renderProblem,
  fastify: renderFastify
}

const boolean = oneOf(true, false)
const errorStatus = integerWithin(400, 599)

const validationChecks: Readonly<Record<keyof ValidationOptions, Check<unknown>>> = {
  status: integerWithin(400, 499),
  input: oneOf('scalar', 'full', 'none'),
  maxIssues: integerWithin(1, 10_000),
  showPattern: boolean,
  messages: anyOf("'pydantic', 'ajv' or a function", oneOf('pydantic', 'ajv'), functionAtOnce())
}

const checks: Readonly<Record<Exclude<keyof ErrorSettings, 'clearTokens'>, Check<unknown>>> = {
  sessionExpiredStatusCode: errorStatus,
  invalidClaimStatusCode: errorStatus,
  challenge: checkChallenge,
  compat: oneOf('fastapi', 'fastify'),
  render: checkRender,
  validation: (value, option) => checkMembers(value, validationChecks, option),
  trustStatusCode: anyOf(
    "'fastify', 'known' or a function",
    oneOf('fastify', 'known'),
    functionAtOnce()
  ),
  stripHeaders: checkStripHeaders,
  errorLogLevel: functionAtOnce(),
  debug: oneOf<boolean | 'force'>(true, false, 'force'),
  notFound: boolean,
  methodNotAllowed: boolean
}

/** Names of the options of the errors plugin. */
export const ERRORS_OPTIONS: readonly string[] = [
  'exceptionHandlers',
  'errorHandlers',
  ...Object.keys(checks)
]

/**
 * Checks what a scope says and lays it over what it inherits.
 *
 * @param options - As the app wrote them; handlers are read elsewhere and passed over here.
 * @throws OptionsError for the first option that is unknown or wrong.
 */
export function resolveErrorSettings(
  options: ErrorsOptions,
  inherited: ErrorSettings = defaults
): ErrorSettings {
  const { exceptionHandlers: _handlers, errorHandlers: _callbacks, ...rest } = options
  const given: Given = checkMembers(rest, checks, '')
  const preset = given.compat === undefined ? {} : presets[given.compat]
  const settings = {
    ...inherited,
    ...preset,
    ...given,
    validation: { ...inherited.validation, ...preset.validation, ...given.validation }
  }
  if (settings.sessionExpiredStatusCode === settings.invalidClaimStatusCode) {
    // Front ends tell "refresh" from "not allowed" by nothing but the status.
    throw new OptionsError('invalidClaimStatusCode', 'another status than sessionExpiredStatusCode')
  }
  return Object.freeze(settings)
}

function checkChallenge(value: unknown, option: string): string | false {
  if (value === true) return defaults.challenge
  if (value === false || (typeof value === 'string' && /^[\x21-\x7e][\x20-\x7e]*$/.test(value))) {
    return value
  }
  throw new OptionsError(option, 'true, false or an authentication scheme', value)
}

function checkRender(value: unknown, option: string): ErrorRenderer {
  const named = typeof value === 'string' ? renderers[value] : undefined
  if (named !== undefined) return named
  if (typeof value === 'function') return value as ErrorRenderer
  throw new OptionsError(option, "'detail', 'problem', 'fastify' or a function", value)
}

function checkStripHeaders(value: unknown, option: string): StripHeaders {
  if (value === 'representation' || value === 'all' || value === 'none') return value
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) {
    return new Set(value.map((name) => name.toLowerCase()))
  }
  throw new OptionsError(option, "'representation', 'all', 'none' or a list of names", value)
}
