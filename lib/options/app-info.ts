import type { FastifyRequest } from 'fastify'
import { checkNames, functionAtOnce, OptionsError } from './checks.ts'
import { appInfoDefaults, withDefaults } from './defaults.ts'
import { isLocalHost } from './hosts.ts'
import type { AppInfo } from './options.ts'

/** Where the app lives, normalised. Paths begin with a slash and end without one; '' is the root. */
export interface ResolvedAppInfo {
  /** Protocol, host and port. */
  readonly apiDomain: string
  /** Path of the session routes as the browser sees it. */
  readonly publicBasePath: string
  /** The same without what a gateway and the scope's prefix stand for. */
  readonly routeBasePath: string
  /** Path of the refresh route as requests arrive here. */
  readonly refreshPath: string
  /** What a gateway takes off a path before it arrives here. */
  readonly gatewayPath: string
  /** URL of the session routes, and `iss` of access tokens where the app names no other. */
  readonly issuer: string
  readonly websiteOrigin: Exclude<AppInfo['origin'], undefined>
}

const NAMES: readonly (keyof AppInfo)[] = [
  'appName',
  'apiDomain',
  'websiteDomain',
  'origin',
  'apiBasePath',
  'apiGatewayPath',
  'websiteBasePath'
]

/** @throws {@link OptionsError} */
export function resolveAppInfo(appInfo: unknown, prefix: string): ResolvedAppInfo {
  checkNames(appInfo ?? {}, NAMES, 'appInfo')
  const info = withDefaults(appInfoDefaults, appInfo ?? {}) as Readonly<
    Record<keyof AppInfo, unknown>
  >
  const apiDomain = parseOrigin(info.apiDomain, 'appInfo.apiDomain')
  const routeBasePath = parsePath(info.apiBasePath, 'appInfo.apiBasePath')
  const gatewayPath = parsePath(info.apiGatewayPath, 'appInfo.apiGatewayPath')
  const servedBasePath = parsePath(prefix, 'prefix') + routeBasePath
  const publicBasePath = gatewayPath + servedBasePath
  return {
    apiDomain,
    publicBasePath,
    routeBasePath,
    refreshPath: `${servedBasePath}/session/refresh`,
    gatewayPath,
    issuer: apiDomain + publicBasePath,
    websiteOrigin: websiteOriginOf(info, apiDomain)
  }
}

function websiteOriginOf(
  { origin, websiteDomain }: Readonly<Record<keyof AppInfo, unknown>>,
  apiDomain: string
): ResolvedAppInfo['websiteOrigin'] {
  if (typeof origin === 'function') return functionAtOnce<() => string>()(origin, 'appInfo.origin')
  return origin === undefined
    ? parseOrigin(websiteDomain ?? apiDomain, 'appInfo.websiteDomain')
    : parseOrigin(origin, 'appInfo.origin')
}

/**
 * The origin of the website of a request.
 *
 * @throws {@link OptionsError} The app's function answered something else.
 */
export function websiteOriginFor(
  { websiteOrigin }: ResolvedAppInfo,
  request: FastifyRequest
): string {
  if (typeof websiteOrigin === 'string') return websiteOrigin
  // SuperTokens hands in `{ request }`: a function in either form finds what it reads.
  const argument = Object.create(request, { request: { value: request } })
  return parseOrigin(websiteOrigin(argument), 'appInfo.origin()')
}

/** `protocol://host[:port]` of a URL; without a protocol https, for local hosts http. */
export function parseOrigin(value: unknown, option: string): string {
  const url = typeof value === 'string' ? toUrl(value) : null
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (isHttp && !url.hostname.includes('*')) return url.origin
  throw new OptionsError(option, "an http(s) origin, such as 'https://api.example.com'", value)
}

function toUrl(value: string): URL | null {
  if (value.includes('://')) return URL.canParse(value) ? new URL(value) : null
  if (!URL.canParse(`https://${value}`)) return null
  const url = new URL(`https://${value}`)
  return isLocalHost(url.hostname) ? new URL(`http://${value}`) : url
}

/** A path that begins with a slash and does not end with one. */
export function parsePath(value: unknown, option: string): string {
  if (typeof value !== 'string' || /[?#;\s]/.test(value))
    throw new OptionsError(option, "a path, such as '/auth'", value)
  const trimmed = value.replace(/^\/+|\/+$/g, '')
  return trimmed === '' ? '' : `/${trimmed}`
}
