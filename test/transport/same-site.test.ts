import type { FastifyRequest } from 'fastify'
import { test } from 'tap'
import { resolveAppInfo, websiteOriginFor } from '../../lib/options/app-info.ts'
import { resolveCookies } from '../../lib/options/cookies.ts'
import { isSameSite, sameSiteRule } from '../../lib/transport/same-site.ts'

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
