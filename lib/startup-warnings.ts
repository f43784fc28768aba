import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { isLocalHost, isLoopback } from './options/hosts.ts'
import type { Settings } from './options/resolve.ts'
import { MemoryStore } from './stores/memory.ts'
import { isSameSite } from './transport/cookie-format.ts'
import { getAllCORSHeaders } from './transport/token-headers.ts'

/** A mistake that cannot be refused, since it may be on purpose: what is wrong, so what, what to do. */
type Diagnosis = string | undefined

/** The classic misconfigurations, told at start and not found out by users. */
export function warnOfSettings(app: FastifyInstance, settings: Settings): void {
  for (const diagnose of [
    memoryInProduction,
    localInProduction,
    noSecret,
    foreignDomain,
    noOlderDomain,
    crossSite,
    mixedContent,
    secureOverHttp,
    droppedAcrossSites
  ])
    warn(app, diagnose(settings))
}

/**
 * Routes that are there already keep Fastify's error handler, unless the errors plugin was before
 * them. Call it before that is installed.
 */
export function warnOfOrder(app: FastifyInstance): void {
  // Only the outermost scope is asked: within another, what is printed may belong to its siblings.
  const isOutermost = Object.getPrototypeOf(app) === Object.prototype
  if (!isOutermost || app.hasDecorator('setExceptionHandler')) return
  // A CORS plugin rightly comes first, and answers OPTIONS for all paths.
  if (/ \((?!OPTIONS\))[A-Z]/.test(app.printRoutes()))
    warn(
      app,
      'routes were declared before this plugin: other handlers may answer their errors; register it before all routes, with await'
    )
}

/**
 * Asks the app itself, once it listens, whether the website may call it: one preflight request of
 * the front end. Nothing waits for the answer, and no start fails by it.
 */
export function warnOfCors(app: FastifyInstance, { appInfo }: Settings): void {
  const { apiDomain, websiteOrigin } = appInfo
  // An origin that is chosen per request has no website to ask for.
  if (typeof websiteOrigin !== 'string' || websiteOrigin === apiDomain) return
  app.addHook('onListen', (done) => {
    const preflight = app.inject({
      method: 'OPTIONS',
      url: `${app.prefix}${appInfo.routeBasePath}/session/refresh`,
      headers: {
        origin: websiteOrigin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': getAllCORSHeaders().join(',')
      }
    })
    preflight.then(
      (reply) => warn(app, diagnosePreflight(reply, websiteOrigin)),
      // The app broke its own reply off: there is nothing to tell of CORS.
      (err: unknown) => app.log.debug({ err }, 'CORS could not be examined')
    )
    // An app that never answers the preflight must not hold up the hooks that come after this one.
    done()
  })
}

function warn(app: FastifyInstance, diagnosis: Diagnosis): void {
  if (diagnosis !== undefined) app.log.warn(diagnosis)
}

function memoryInProduction({ store }: Settings): Diagnosis {
  if (process.env['NODE_ENV'] !== 'production' || store !== undefined) return undefined
  return 'sessions and keys are kept in memory: everybody is logged out when this process ends; give a store'
}

function localInProduction({ appInfo: { apiDomain } }: Settings): Diagnosis {
  if (process.env['NODE_ENV'] !== 'production' || !apiDomain.startsWith('http:')) return undefined
  if (!isLocalHost(new URL(apiDomain).hostname)) return undefined
  return `apiDomain is ${apiDomain}: cookies and access tokens are made for it; give the URL that browsers use`
}

function noSecret(settings: Settings): Diagnosis {
  if (!keepsClearKeys(settings)) return undefined
  return 'there is no secret: the store has the signing keys in clear, and all sessions end when one is introduced; give a secret'
}

/** Whether signing keys are in clear in a database or a file. */
export function keepsClearKeys({ secrets, store }: Settings): boolean {
  return secrets.length === 0 && store !== undefined && !(store instanceof MemoryStore)
}

function foreignDomain({ cookies, appInfo }: Settings): Diagnosis {
  const domain = cookies.domain?.replace(/^\./, '')
  const { hostname } = new URL(appInfo.apiDomain)
  if (domain === undefined || hostname === domain) return undefined
  // Browsers take a cookie for localhost or for an address from that very host only.
  if (!isLocalHost(domain) && hostname.endsWith(`.${domain}`)) return undefined
  return `cookieDomain ${domain} does not contain the API's host ${hostname}: browsers drop the cookies; set it to a parent of that host`
}

function noOlderDomain({ cookies }: Settings): Diagnosis {
  if (cookies.domain === undefined || cookies.olderDomain !== undefined) return undefined
  return "cookieDomain is set and olderCookieDomain is not: a browser with cookies of an earlier cookieDomain cannot refresh; set olderCookieDomain to that one, or to '' if there was none"
}

function crossSite({ cookies, appInfo: { apiDomain, websiteOrigin } }: Settings): Diagnosis {
  if (typeof websiteOrigin !== 'string') return undefined
  if (cookies.sameSite === undefined || cookies.sameSite === 'none') return undefined
  if (isSameSite(apiDomain, websiteOrigin)) return undefined
  return `cookieSameSite is ${cookies.sameSite}, and the website ${websiteOrigin} is another site than the API ${apiDomain}: browsers do not send the cookies; leave cookieSameSite out, or transfer tokens by headers`
}

function mixedContent({ appInfo }: Settings): Diagnosis {
  if (!isPlainHttp(appInfo.apiDomain) || !isHttps(appInfo.websiteOrigin)) return undefined
  return 'the website is https and apiDomain is http: browsers block the requests; give the https URL that browsers use, also behind a proxy'
}

function secureOverHttp({ cookies, appInfo: { apiDomain, websiteOrigin } }: Settings): Diagnosis {
  if (!isPlainHttp(apiDomain) || isHttps(websiteOrigin) || !cookies.secure) return undefined
  return 'cookieSecure is true and apiDomain is http: browsers drop the cookies; give the https URL that browsers use, or leave cookieSecure out'
}

/** Where cookies cannot work: better said before the first user tries. */
function droppedAcrossSites(settings: Settings): Diagnosis {
  const { cookies, getTokenTransferMethod } = settings
  const { apiDomain, websiteOrigin } = settings.appInfo
  if (typeof websiteOrigin !== 'string' || !apiDomain.startsWith('http:')) return undefined
  // Told as mixed content.
  if (isPlainHttp(apiDomain) && isHttps(websiteOrigin)) return undefined
  // An app that chooses the method by itself may well choose headers.
  const isOwnChoice = cookies.secure || cookies.sameSite !== undefined || getTokenTransferMethod
  if (isOwnChoice || isSameSite(apiDomain, websiteOrigin)) return undefined
  const places = `the website ${websiteOrigin} is another site than the API ${apiDomain}, which is http: browsers drop such cookies`
  if (isLocalHost(new URL(apiDomain).hostname))
    return `${places}; open both by one host name, or give an https apiDomain, or transfer tokens by headers`
  return `${places}, so that logging in with cookies answers 500; give an https apiDomain, or transfer tokens by headers`
}

/** Http that browsers do not trust. */
function isPlainHttp(apiDomain: string): boolean {
  return apiDomain.startsWith('http:') && !isLoopback(new URL(apiDomain).hostname)
}

function isHttps(websiteOrigin: Settings['appInfo']['websiteOrigin']): boolean {
  return typeof websiteOrigin === 'string' && websiteOrigin.startsWith('https:')
}

function diagnosePreflight({ headers }: LightMyRequestResponse, website: string): Diagnosis {
  const hint = 'register @fastify/cors before this plugin, with'
  if (headers['access-control-allow-origin'] !== website)
    return `CORS does not let the website ${website} in: its requests fail; ${hint} that origin`
  if (headers['access-control-allow-credentials'] !== 'true')
    return `CORS allows no credentials: the website's requests fail; ${hint} credentials: true`
  const allowed = String(headers['access-control-allow-headers'])
    .toLowerCase()
    .split(/[\s,]+/)
  const missing = getAllCORSHeaders().filter((name) => !allowed.includes(name))
  if (missing.length === 0) return undefined
  return `CORS does not allow the headers ${missing.join(', ')}: the website's requests fail; ${hint} allowedHeaders: ['content-type', ...getAllCORSHeaders()]`
}
