import type { FastifyRequest } from 'fastify'
import { test } from 'tap'
import { resolveAppInfo, websiteOriginFor } from '../../lib/options/app-info.ts'
import { resolveCookies } from '../../lib/options/cookies.ts'
import {
  isSameSite,
  parseCookies as parse,
  type ReceivedCookies,
  sameSiteRule
} from '../../lib/transport/cookie-format.ts'

const NAMES = { access: 'sAccessToken', refresh: 'sRefreshToken', device: 'sDevice' }

function parseCookies(header: string | undefined): ReceivedCookies {
  return parse(NAMES, header)
}

test('only our own cookies are read, wherever they stand', (t) => {
  t.same(parseCookies('a=b;  sAccessToken=at ; x;sRefreshToken=rt; sIdRefreshToken=i; =; ='), {
    accessToken: 'at',
    refreshToken: 'rt',
    moreAccessTokens: [],
    moreRefreshTokens: [],
    hasIdRefreshToken: true
  })
  t.equal(parseCookies('xsAccessToken=a; sAccessTokens=b; saccesstoken=c').accessToken, undefined)
  t.end()
})

test('without a header there are no cookies', (t) => {
  t.same(parseCookies(undefined), parseCookies(''))
  t.equal(parseCookies('sAccessToken').accessToken, undefined)
  t.end()
})

test('further cookies of one name are kept, up to four', (t) => {
  const { accessToken, moreAccessTokens } = parseCookies('sAccessToken=1; sAccessToken=2')
  t.same([accessToken, moreAccessTokens], ['1', ['2']])
  const many = Array.from({ length: 9 }, (_, index) => `sRefreshToken=${index}`).join(';')
  t.same(parseCookies(many).moreRefreshTokens, ['1', '2', '3', '4'])
  t.same(parseCookies('sAccessToken=1; sAccessToken=').moreAccessTokens, [])
  t.equal(parseCookies('sAccessToken=; sAccessToken=2').accessToken, '2')
  t.equal(parseCookies('sRefreshToken=1; sRefreshToken=2').refreshToken, '1')
  t.end()
})

test('values are taken as they are, up to the semicolon', (t) => {
  t.equal(parseCookies('sAccessToken=a%2Bb').accessToken, 'a%2Bb')
  t.equal(parseCookies('sAccessToken=a=b ; x=y').accessToken, 'a=b')
  t.equal(parseCookies('sRefreshToken=;').refreshToken, undefined)
  t.equal(parseCookies('sRefreshToken= ;').refreshToken, undefined)
  t.end()
})

test('with a prefix only names with it are read', (t) => {
  const names = {
    access: '__Host-sAccessToken',
    refresh: '__Secure-sRefreshToken',
    device: 'sDevice'
  }
  const header = 'sAccessToken=1; __Host-sAccessToken=2; sRefreshToken=3; __Secure-sRefreshToken=4'
  t.match(parse(names, header), { accessToken: '2', refreshToken: '4', moreAccessTokens: [] })
  t.end()
})

test('two origins are one site by registrable domain and protocol, local hosts by their name', (t) => {
  for (const [a, b] of [
    ['https://api.example.com', 'https://example.com:8443'],
    ['http://localhost:3000', 'http://localhost:8080'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1']
  ] as const)
    t.ok(isSameSite(a, b), `${a} ${b}`)
  for (const [a, b] of [
    ['https://example.com', 'http://example.com'],
    ['https://a.herokuapp.com', 'https://b.herokuapp.com'],
    ['http://localhost', 'http://127.0.0.1'],
    ['http://localhost', 'http://[::1]'],
    ['http://localhost', 'http://app.localhost']
  ] as const)
    t.notOk(isSameSite(a, b), `${a} ${b}`)
  t.end()
})

const sameSiteOf = (apiDomain: string, website: string, cookieSecure?: boolean) => {
  const appInfo = resolveAppInfo({ apiDomain, origin: () => website }, '')
  const rule = sameSiteRule(appInfo, resolveCookies({ cookieSecure }, appInfo, ''))
  return rule({ headers: {} } as FastifyRequest)
}

test('cookies are SameSite=None across sites', (t) => {
  t.equal(sameSiteOf('https://api.example.com', 'https://example.com'), 'lax')
  t.equal(sameSiteOf('https://api.example.com', 'https://other.org'), 'none')
  t.equal(sameSiteOf('https://127.0.0.1:3000', 'https://localhost:8080'), 'none')
  t.equal(sameSiteOf('http://10.0.0.5', 'http://example.com'), 'none')
  t.end()
})

test('the website of a request is read from the request, or from its member of that name', (t) => {
  const request = { headers: { 'x-website': 'https://other.org' } } as unknown as FastifyRequest
  const website = ({ headers }: FastifyRequest) => String(headers['x-website'])
  for (const origin of [
    website,
    ({ request }: { readonly request: FastifyRequest }) => website(request)
  ]) {
    const appInfo = resolveAppInfo({ apiDomain: 'https://api.example.com', origin }, '')
    t.equal(sameSiteRule(appInfo, resolveCookies({}, appInfo, ''))(request), 'none')
    t.throws(
      () =>
        websiteOriginFor(appInfo, { headers: { 'x-website': '' } } as unknown as FastifyRequest),
      /appInfo\.origin\(\)/
    )
  }
  t.end()
})

test('cookies between local hosts are Lax where they are not Secure', (t) => {
  t.equal(sameSiteOf('http://0.0.0.0:8080', 'http://localhost:8080'), 'lax')
  t.equal(sameSiteOf('http://127.0.0.1', 'http://localhost', true), 'none')
  t.end()
})
