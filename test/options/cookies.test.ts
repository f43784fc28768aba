import { test } from 'tap'
import { resolveAppInfo } from '../../lib/options/app-info.ts'
import { resolveCookies } from '../../lib/options/cookies.ts'

const INFO = resolveAppInfo({ apiDomain: 'https://api.example.com' }, '')

test('a cookie domain keeps its dot and loses protocol and port', (t) => {
  for (const [written, domain] of [
    ['example.com', 'example.com'],
    ['.Example.com', '.example.com'],
    ['https://example.com:3000/x', 'example.com'],
    ['.localhost', 'localhost'],
    ['127.0.0.1', '127.0.0.1']
  ] as const)
    t.equal(resolveCookies({ cookieDomain: written }, INFO, '').domain, domain, written)
  t.end()
})

test('an older domain may be none', (t) => {
  t.equal(resolveCookies({ olderCookieDomain: '' }, INFO, '').olderDomain, '')
  t.equal(resolveCookies({ olderCookieDomain: 'a.org' }, INFO, '').olderDomain, 'a.org')
  t.equal(resolveCookies({}, INFO, '').olderDomain, undefined)
  t.end()
})

test('paths follow the prefix and the base path', (t) => {
  t.match(resolveCookies({}, INFO, ''), {
    accessTokenPath: '/',
    refreshTokenPath: '/auth/session/refresh'
  })
  t.equal(resolveCookies({}, resolveAppInfo({}, '/v1'), '/v1').accessTokenPath, '/v1')
  t.equal(resolveCookies({ accessTokenPath: '/api/' }, INFO, '/v1').accessTokenPath, '/api')
  t.end()
})

test('behind a gateway the cookie paths of a scope begin with the path of the gateway', (t) => {
  const info = resolveAppInfo({ apiGatewayPath: '/gateway', apiBasePath: '/' }, '/v1')
  t.match(resolveCookies({}, info, '/v1'), {
    accessTokenPath: '/gateway/v1',
    refreshTokenPath: '/gateway/v1/session/refresh'
  })
  const bare = resolveAppInfo({ apiGatewayPath: '/gateway' }, '')
  t.equal(resolveCookies({}, bare, '').accessTokenPath, '/')
  t.end()
})

test('a cookie domain may be a public suffix only where the API is that very host', (t) => {
  const info = resolveAppInfo({ apiDomain: 'http://intranet' }, '')
  t.equal(resolveCookies({ cookieDomain: 'intranet' }, info, '').domain, 'intranet')
  t.throws(() => resolveCookies({ cookieDomain: 'intranet' }, INFO, ''), /public suffix/)
  t.end()
})

test('a prefix stands before the names, behind the one that browsers act on', (t) => {
  const names = (cookiePrefix: string | undefined) =>
    Object.values(resolveCookies({ cookiePrefix }, INFO, '').names)
  t.same(names(undefined), ['sAccessToken', 'sRefreshToken', 'sDevice'])
  t.same(names('shop-'), ['shop-sAccessToken', 'shop-sRefreshToken', 'shop-sDevice'])
  t.same(names('__Host-'), ['__Host-sAccessToken', '__Secure-sRefreshToken', 'sDevice'])
  t.same(names('__Secure-a.'), ['__Secure-a.sAccessToken', '__Secure-a.sRefreshToken', 'a.sDevice'])
  t.end()
})

test('a prefix that browsers would drop the cookies for is refused', (t) => {
  const http = resolveAppInfo({ apiDomain: 'http://localhost:3000' }, '')
  const refused = (given: object, expected: RegExp, info = INFO, prefix = '') =>
    t.throws(() => resolveCookies(given, info, prefix), { message: expected })
  for (const cookiePrefix of [
    '__host-',
    '__Http-',
    '__Host-__Secure-',
    'a b',
    'a;',
    'é',
    'a'.repeat(65),
    1
  ])
    refused({ cookiePrefix }, /'cookiePrefix' must be up to 64 letters/)
  for (const cookiePrefix of ['__Host-', '__Secure-x'])
    refused({ cookiePrefix }, /without __Host- and __Secure- where cookies are not Secure/, http)
  const onHost = { cookiePrefix: '__Host-' }
  refused({ ...onHost, cookieDomain: '.example.com' }, /'__Secure-' where cookieDomain is set/)
  refused({ ...onHost, accessTokenPath: '/api' }, /or accessTokenPath is not/)
  refused(
    onHost,
    /or accessTokenPath is not/,
    resolveAppInfo({ apiDomain: 'https://a.example' }, '/v1'),
    '/v1'
  )
  t.end()
})
