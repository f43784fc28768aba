import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import supersession from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from '../builders/app.ts'
import {
  type HttpsSite,
  openHttpsSite,
  skipWithoutHttpsBrowser
} from '../builders/https-browser.ts'

const skip = await skipWithoutHttpsBrowser()

async function namesIn({ context }: HttpsSite): Promise<string[]> {
  return (await context.cookies()).map(({ name }) => name).sort()
}

async function post({ page }: HttpsSite, url: string): Promise<number> {
  return page.evaluate(async (url) => {
    const headers = { 'st-auth-mode': 'cookie', 'content-type': 'application/json' }
    return (await fetch(url, { method: 'POST', headers, body: '{"userId":"ada"}' })).status
  }, url)
}

t.test('a browser keeps what a subdomain sets from a __Host- cookie', { skip }, async (t) => {
  const site = await openHttpsSite(t, async (app, origin) => {
    await app.register(supersession, {
      ...FAST_KEYS,
      appInfo: { apiDomain: origin },
      cookiePrefix: '__Host-',
      deviceBinding: 'dbsc'
    })
    addRoutes(app)
    // As a subdomain would set them: for the domain that it shares with this host.
    app.post('/planted', async (_request, reply) => {
      for (const name of ['__Host-sAccessToken', 'sAccessToken'])
        reply.header('set-cookie', `${name}=planted; Path=/; Domain=app.example.com; Secure`)
      return {}
    })
  })
  t.equal(await post(site, '/login'), 200)
  const own = ['__Host-sAccessToken', '__Host-sDevice', '__Secure-sRefreshToken']
  while ((await namesIn(site)).length < own.length) await wait(50)
  t.same(await namesIn(site), own)

  t.equal(await post(site, '/planted'), 200)
  t.same(await namesIn(site), [...own, 'sAccessToken'], 'only the name without a prefix is kept')
  t.equal(await post(site, '/me'), 200)
  t.equal(await post(site, '/auth/session/refresh'), 200)
  t.equal(await post(site, '/auth/signout'), 200)
  t.same(await namesIn(site), ['sAccessToken'])
})
