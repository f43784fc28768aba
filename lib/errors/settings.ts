import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  anyOf,
  type Check,
  checkNames,
  functionOf,
  integerWithin,
  oneOf
} from '../options/check.ts'
import { OptionsError } from '../options/options-error.ts'
import { renderDetail, renderFastify, renderProblem } from './renderers.ts'
import type { StripHeaders } from './reply-headers.ts'
import type { SDKErrorHandler } from './supertokens-bridge.ts'
import type { ErrorRenderer, ErrorsOptions, ValidationOptions, WebSocketOptions } from './types.ts'

/** The options of a scope, checked and with every default filled in. */
export interface ErrorSettings {
  readonly sessionExpiredStatusCode: number
  readonly invalidClaimStatusCode: number
  /** The scheme for `WWW-Authenticate`, or none. */
  readonly challenge: string | false
  readonly sessionBody: 'wire' | 'both' | 'render'
  readonly clearTokens: ((request: FastifyRequest, reply: FastifyReply) => void) | undefined
  readonly compat: 'fastapi' | 'fastapi-strict' | 'fastify'
  readonly render: ErrorRenderer
  readonly validation: Readonly<Required<ValidationOptions>>
  readonly websocket: Readonly<Required<WebSocketOptions>>
  readonly trustStatusCode: NonNullable<ErrorsOptions['trustStatusCode']>
  readonly applyHeaders: 'always' | 'default-only'
  readonly stripHeaders: StripHeaders
  readonly exposeCode: boolean
  readonly exposeServerErrors: boolean
  readonly errorLogLevel: ErrorsOptions['errorLogLevel']
  readonly onUnhandled: ErrorsOptions['onUnhandled']
  readonly onLate: ErrorsOptions['onLate']
  readonly debug: boolean | 'force'
  readonly supertokens: ErrorsOptions['supertokens']
  readonly notFound: boolean
  readonly methodNotAllowed: boolean
}

/** Everything an app does not say. */
const defaults: ErrorSettings = {
  sessionExpiredStatusCode: 401,
  invalidClaimStatusCode: 403,
  challenge: 'Bearer',
  sessionBody: 'wire',
  clearTokens: undefined,
  compat: 'fastapi',
  render: renderDetail,
  validation: {
    status: 422,
    parts: 'all',
    input: 'scalar',
    maxIssues: 100,
    captureBody: false,
    jsonOffset: false,
    showPattern: true,
    messages: 'pydantic'
  },
  websocket: {
    rejectStatus: 422,
    preUpgradeBody: true,
    closeCodes: {
      UNAUTHORISED: 4401,
      TRY_REFRESH_TOKEN: 4401,
      TOKEN_THEFT_DETECTED: 4401,
      INVALID_CLAIMS: 4403
    }
  },
  trustStatusCode: 'fastify',
  applyHeaders: 'always',
  stripHeaders: 'representation',
  exposeCode: false,
  exposeServerErrors: false,
  errorLogLevel: undefined,
  onUnhandled: undefined,
  onLate: undefined,
  debug: false,
  supertokens: undefined,
  notFound: true,
  methodNotAllowed: true
}

type Given = Partial<Omit<ErrorSettings, 'validation' | 'websocket'>> & {
  readonly validation?: ValidationOptions
  readonly websocket?: WebSocketOptions
}

/** What a `compat` changes where the app does not say otherwise. */
const presets: Readonly<Record<ErrorSettings['compat'], Given>> = {
  fastapi: {},
  'fastapi-strict': {},
  fastify: { render: renderFastify, exposeCode: true, validation: { status: 400 } }
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
  parts: oneOf('all', 'first'),
  input: oneOf('scalar', 'full', 'none'),
  maxIssues: integerWithin(1, 10_000),
  captureBody: boolean,
  jsonOffset: boolean,
  showPattern: boolean,
  messages: anyOf("'pydantic', 'ajv' or a function", oneOf('pydantic', 'ajv'), functionOf())
}

const closeCode = integerWithin(3000, 4999)

const webSocketChecks: Readonly<Record<keyof WebSocketOptions, Check<unknown>>> = {
  rejectStatus: anyOf('422 or 403', integerWithin(422, 422), integerWithin(403, 403)),
  preUpgradeBody: boolean,
  closeCodes: (value, option) =>
    checkAll(
      value,
      {
        UNAUTHORISED: closeCode,
        TRY_REFRESH_TOKEN: closeCode,
        TOKEN_THEFT_DETECTED: closeCode,
        INVALID_CLAIMS: closeCode,
        CLEAR_DUPLICATE_SESSION_COOKIES: closeCode
      },
      option
    )
}

const checks: Readonly<Record<keyof ErrorSettings, Check<unknown>>> = {
  sessionExpiredStatusCode: errorStatus,
  invalidClaimStatusCode: errorStatus,
  challenge: checkChallenge,
  sessionBody: oneOf('wire', 'both', 'render'),
  clearTokens: functionOf(),
  compat: oneOf('fastapi', 'fastapi-strict', 'fastify'),
  render: checkRender,
  validation: (value, option) => checkAll(value, validationChecks, option),
  websocket: (value, option) => checkAll(value, webSocketChecks, option),
  trustStatusCode: anyOf(
    "'fastify', 'known' or a function",
    oneOf('fastify', 'known'),
    functionOf()
  ),
  applyHeaders: oneOf('always', 'default-only'),
  stripHeaders: checkStripHeaders,
  exposeCode: boolean,
  exposeServerErrors: boolean,
  errorLogLevel: functionOf(),
  onUnhandled: functionOf(),
  onLate: functionOf(),
  debug: oneOf<boolean | 'force'>(true, false, 'force'),
  supertokens: checkSupertokens,
  notFound: boolean,
  methodNotAllowed: boolean
}

/**
 * Checks what a scope says and lays it over what it inherits.
 *
 * @param options - As the app wrote them; handlers are read elsewhere and passed over here.
 * @throws OptionsError for the first option that is unknown or wrong.
 */
export function resolveSettings(
  options: ErrorsOptions,
  inherited: ErrorSettings = defaults
): ErrorSettings {
  const { exceptionHandlers: _handlers, errorHandlers: _callbacks, ...rest } = options
  const given: Given = checkAll(rest, checks, '')
  const preset = given.compat === undefined ? {} : presets[given.compat]
  const settings = {
    ...inherited,
    ...preset,
    ...given,
    validation: { ...inherited.validation, ...preset.validation, ...given.validation },
    websocket: {
      ...inherited.websocket,
      ...given.websocket,
      closeCodes: { ...inherited.websocket.closeCodes, ...given.websocket?.closeCodes }
    }
  }
  if (settings.sessionExpiredStatusCode === settings.invalidClaimStatusCode) {
    // Front ends tell "refresh" from "not allowed" by nothing but the status.
    throw new OptionsError('invalidClaimStatusCode', 'another status than sessionExpiredStatusCode')
  }
  return Object.freeze(settings)
}

/** Runs the check of every option that is given; `undefined` counts as left out. */
function checkAll(
  value: unknown,
  table: Readonly<Record<string, Check<unknown>>>,
  path: string
): Record<string, unknown> {
  checkNames(value, Object.keys(table), path)
  const checked: Record<string, unknown> = {}
  for (const [name, check] of Object.entries(table)) {
    const given = value[name]
    if (given !== undefined) checked[name] = check(given, path === '' ? name : `${path}.${name}`)
  }
  return checked
}

function checkSupertokens(value: unknown, option: string): ErrorSettings['supertokens'] {
  checkNames(value, ['errorHandler'], option)
  const check = functionOf<SDKErrorHandler>()
  return { errorHandler: check(value['errorHandler'], `${option}.errorHandler`) }
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
