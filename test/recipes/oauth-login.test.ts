import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/oauth-login.ts'
import { FAST_KEYS } from '../builders/app.ts'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/oauth-login.md')
})

/** An authorization server (RFC 6749) whose user always agrees. Checks PKCE (RFC 7636). */
async function openProvider(t: Test): Promise<string> {
  const server = Fastify()
  t.teardown(() => server.close())
  const challenges = new Map<string, string>()
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body))))
  )
  server.get<{ Querystring: Record<string, string> }>('/authorize', async ({ query }, reply) => {
    const code = `code-${challenges.size}`
    challenges.set(code, String(query['code_challenge']))
    const back = new URL(String(query['redirect_uri']))
    back.search = new URLSearchParams({ code, state: String(query['state']) }).toString()
    return reply.redirect(back.href)
  })
  server.post<{ Body: Record<string, string> }>('/token', async ({ body }, reply) => {
    const verifier = createHash('sha256').update(String(body['code_verifier']))
    if (challenges.get(String(body['code'])) !== verifier.digest('base64url'))
      return reply.code(400).send({ error: 'invalid_grant' })
    return { access_token: 'of ada', token_type: 'bearer', expires_in: 60 }
  })
  server.get('/userinfo', async ({ headers }, reply) =>
    headers.authorization === 'Bearer of ada' ? { sub: 'ada' } : reply.code(401).send({})
  )
  server.get('/nameless', async () => ({ name: 'Ada' }))
  server.get('/numbered', async () => ({ sub: 5 }))
  server.get('/empty', async () => ({ sub: '' }))
  server.get('/broken', async (_request, reply) => reply.code(503).send({}))
  await server.listen({ port: 0, host: '127.0.0.1' })
  return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
}

async function openApp(t: Test, userInfoPath: string) {
  const provider = await openProvider(t)
  const app = await buildApp(
    {
      credentials: {
        client: { id: 'app', secret: 'secret' },
        auth: {
          authorizeHost: provider,
          authorizePath: '/authorize',
          tokenHost: provider,
          tokenPath: '/token'
        }
      },
      callbackUri: 'http://localhost:3000/login/callback',
      userInfoUrl: provider + userInfoPath
    },
    FAST_KEYS
  )
  t.teardown(() => app.close())
  return app
}

type App = Awaited<ReturnType<typeof openApp>>

/**
 * Follows the redirects as a browser does: to the provider, and back. `elsewhere` opens the end of
 * the way in another browser, which has cookies of the same values by the names that `rename` gives.
 */
async function logIn(app: App) {
  const begun = await app.inject('/login')
  const authorized = await fetch(String(begun.headers.location), { redirect: 'manual' })
  const cookies = Object.fromEntries(begun.cookies.map(({ name, value }) => [name, value]))
  const { pathname, search } = new URL(String(authorized.headers.get('location')))
  const headers = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site' }
  return {
    ended: await app.inject({ url: pathname + search, cookies, headers }),
    begun,
    elsewhere: (rename?: (name: string) => string) => {
      const planted = begun.cookies.map(({ name, value }) => [rename?.(name), value])
      return app.inject({
        url: pathname + search,
        headers,
        cookies: rename && Object.fromEntries(planted)
      })
    }
  }
}

test('a login elsewhere ends with a session in cookies', async (t) => {
  const app = await openApp(t, '/userinfo')
  const { ended } = await logIn(app)
  t.equal(ended.statusCode, 302)
  t.equal(ended.headers.location, '/')
  const token = ended.cookies.find(({ name }) => name === 'sAccessToken')
  const me = await app.inject({ url: '/me', cookies: { sAccessToken: String(token?.value) } })
  t.equal(me.body, 'provider:ada')
})

test('a callback that another browser began logs nobody in', async (t) => {
  const app = await openApp(t, '/userinfo')
  const { elsewhere } = await logIn(app)
  const reply = await elsewhere()
  t.equal(reply.statusCode, 403)
  t.notOk(reply.cookies.some(({ name }) => name === 'sAccessToken'))
})

test('a callback with cookies that a subdomain has set logs nobody in', async (t) => {
  const app = await openApp(t, '/userinfo')
  const { begun, elsewhere } = await logIn(app)
  for (const { name, secure, path, domain } of begun.cookies) {
    // RFC 6265bis section 4.1.3.2: else browsers drop it.
    t.match(name, /^__Host-/)
    t.match({ secure, path, domain }, { secure: true, path: '/', domain: undefined })
  }
  const reply = await elsewhere((name) => name.replace('__Host-', ''))
  t.equal(reply.statusCode, 403)
  t.notOk(reply.cookies.some(({ name }) => name === 'sAccessToken'))
})

test('a user who declines is not logged in', async (t) => {
  const app = await openApp(t, '/userinfo')
  const reply = await app.inject('/login/callback?error=access_denied&state=x')
  t.equal(reply.statusCode, 403)
  t.notOk(reply.cookies.some(({ name }) => name === 'sAccessToken'))
})

test('a provider that does not say who somebody is logs nobody in', async (t) => {
  for (const path of ['/broken', '/nameless', '/numbered', '/empty']) {
    const { ended } = await logIn(await openApp(t, path))
    t.equal(ended.statusCode, 502, path)
    t.notOk(ended.cookies.some(({ name }) => name === 'sAccessToken'))
  }
})
