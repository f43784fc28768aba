import { test } from 'tap'
import { resolveAppInfo } from '../../lib/options/app-info.ts'

test('an API lives on localhost unless it says otherwise', (t) => {
  const undefinedIsLeftOut = { apiDomain: undefined, apiBasePath: undefined, origin: undefined }
  t.same(resolveAppInfo(undefinedIsLeftOut, ''), resolveAppInfo(undefined, ''))
  t.same(resolveAppInfo(undefined, ''), {
    apiDomain: 'http://localhost:3000',
    publicBasePath: '/auth',
    routeBasePath: '/auth',
    refreshPath: '/auth/session/refresh',
    gatewayPath: '',
    issuer: 'http://localhost:3000/auth',
    websiteOrigin: 'http://localhost:3000'
  })
  t.end()
})

test('an origin is protocol, host and port, whatever was written around them', (t) => {
  for (const [written, origin] of [
    ['api.example.com', 'https://api.example.com'],
    ['API.example.com/path?x', 'https://api.example.com'],
    ['https://api.example.com:3000/', 'https://api.example.com:3000'],
    ['localhost:3000', 'http://localhost:3000'],
    ['app.localhost', 'http://app.localhost'],
    ['127.0.0.1:80', 'http://127.0.0.1'],
    ['[::1]:3000', 'http://[::1]:3000'],
    ['localhost.evil.example', 'https://localhost.evil.example']
  ] as const)
    t.equal(resolveAppInfo({ apiDomain: written }, '').apiDomain, origin, written)
  t.end()
})

test('gateway path, prefix and base path make the path that the browser sees', (t) => {
  const info = resolveAppInfo({ apiGatewayPath: 'gateway/', apiBasePath: '/session/' }, '/v1')
  t.equal(info.publicBasePath, '/gateway/v1/session')
  t.equal(info.routeBasePath, '/session')
  t.equal(info.refreshPath, '/v1/session/session/refresh')
  t.equal(info.issuer, 'http://localhost:3000/gateway/v1/session')
  t.equal(resolveAppInfo({ apiBasePath: '/' }, '').publicBasePath, '')
  t.end()
})

test('origin wins over websiteDomain, and may be a function', (t) => {
  const origin = () => 'https://a.org'
  const { websiteOrigin } = resolveAppInfo(
    { appName: 'x', websiteBasePath: '/auth', origin, websiteDomain: 'b.org' },
    ''
  )
  t.type(websiteOrigin, 'function')
  t.equal((websiteOrigin as () => string)(), 'https://a.org')
  t.equal(
    resolveAppInfo({ origin: 'a.org', websiteDomain: 'b.org' }, '').websiteOrigin,
    'https://a.org'
  )
  t.equal(resolveAppInfo({ websiteDomain: 'b.org' }, '').websiteOrigin, 'https://b.org')
  t.end()
})
