import type { FastifyInstance, InjectOptions } from 'fastify'
import { type Test, test } from 'tap'
import {
  type AntiCsrfMode,
  memoryStore,
  type SupersessionOptions,
  type TransferMethod,
  UnauthorisedError
} from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client, payloadOf, type Response } from '../builders/client.ts'

/*
 * The checks of one verification, in the order in which they are made. Each row is shown by each
 * transfer method; at the end, that an earlier row goes before a later one.
 */

const METHODS: readonly TransferMethod[] = ['cookie', 'header']
const plan = {
  id: 'plan',
  validate: (payload: Record<string, unknown>) =>
    payload['plan'] === 'pro'
      ? ({ isValid: true } as const)
      : ({ isValid: false, reason: { message: 'wrong value' } } as const)
}

/** An app whose routes differ in their options, and a client with a session. */
async function verifyApp(t: Test, method: TransferMethod, options: SupersessionOptions = {}) {
  const built = await buildApp(t, options)
  const { app } = built
  const routes = {
    '/any': app.verifySession(),
    '/optional': app.verifySession({ sessionRequired: false }),
    '/checked': app.verifySession({ checkDatabase: true }),
    '/pro': app.verifySession({ overrideGlobalClaimValidators: () => [plan] }),
    '/strict': app.verifySession({
      checkDatabase: true,
      overrideGlobalClaimValidators: () => [plan]
    }),
    '/csrf': app.verifySession({ antiCsrfCheck: true }),
    '/no-csrf': app.verifySession({ antiCsrfCheck: false })
  }
  for (const [url, preHandler] of Object.entries(routes))
    app.route({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'],
      url,
      preHandler,
      handler: async ({ session }) => ({ userId: session?.userId ?? null })
    })
  const client = new Client(app, method)
  const { handle } = (await client.login('ada')).json()
  return { ...built, client, handle, send: sender(app, method) }
}

/** A request with a token and nothing else of what the SDK sends. */
function sender(app: FastifyInstance, method: TransferMethod) {
  return async (url: string, token: string | undefined, more: InjectOptions = {}) => {
    const { cookie, ...headers } = (more.headers ?? {}) as Record<string, string>
    const cookies = [cookie, method === 'cookie' && `sAccessToken=${token}`].filter(Boolean)
    return app.inject({
      method: 'GET',
      ...more,
      url,
      headers: {
        ...headers,
        ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
        ...(method === 'header' && { authorization: `Bearer ${token}` })
      }
    })
  }
}

function letsIn(t: Test, reply: Response, userId: string | null = 'ada'): void {
  t.equal(reply.statusCode, 200, reply.body)
  t.equal(reply.json().userId, userId)
}

function isKept(t: Test, reply: Response): void {
  t.equal(reply.headers['set-cookie'], undefined, 'no cookie is touched')
  for (const name of ['front-token', 'st-access-token', 'st-refresh-token', 'anti-csrf'])
    t.equal(reply.headers[name], undefined, `no ${name}`)
}

function asksForRefresh(t: Test, reply: Response): void {
  t.equal(reply.statusCode, 401)
  t.same(reply.json(), { message: 'try refresh token' })
  isKept(t, reply)
}

function isUnauthorised(t: Test, reply: Response): void {
  t.equal(reply.statusCode, 401)
  t.same(reply.json(), { message: 'unauthorised' })
}

function isLoggedOut(t: Test, reply: Response): void {
  isUnauthorised(t, reply)
  t.equal(reply.headers['front-token'], 'remove')
  t.equal(reply.headers['st-access-token'], '')
  t.equal(reply.headers['st-refresh-token'], '')
  t.same(
    reply.cookies.map(({ name, value }) => [name, value]),
    [
      ['sAccessToken', ''],
      ['sRefreshToken', '']
    ]
  )
}

for (const method of METHODS) {
  test(`by ${method}: row 0, OPTIONS and TRACE pass without a session`, async (t) => {
    const { client } = await verifyApp(t, method)
    for (const verb of ['OPTIONS', 'TRACE'] as const)
      letsIn(t, await client.request({ method: verb, url: '/checked' }), null)
  })

  test(`by ${method}: row 0b, the refresh path refreshes, and does not verify`, async (t) => {
    const { client, clock } = await verifyApp(t, method)
    clock.advance(3600)
    asksForRefresh(t, await client.get('/me'))
    const reply = await client.refresh()
    t.equal(reply.statusCode, 200)
    t.same(reply.json(), {})
  })

  test(`by ${method}: row 1, a cookie of the first generation asks for a refresh`, async (t) => {
    const { client, send } = await verifyApp(t, method)
    const headers = { cookie: 'sIdRefreshToken=x' }
    for (const url of ['/me', '/optional'])
      asksForRefresh(t, await send(url, client.accessToken, { headers }))
  })

  test(`by ${method}: row 2, two access cookies ask for a refresh where cookies count`, async (t) => {
    const { client, send } = await verifyApp(t, method)
    const headers = { cookie: 'sAccessToken=older; sAccessToken=oldest' }
    const reply = await send('/me', client.accessToken, { headers })
    if (method === 'cookie') asksForRefresh(t, reply)
    else letsIn(t, reply)
  })

  test(`by ${method}: rows 3 and 4, with VIA_CUSTOM_HEADER cookies take a rid of any value`, async (t) => {
    const { client, send } = await verifyApp(t, method, { antiCsrf: 'VIA_CUSTOM_HEADER' })
    const bare = await send('/me', client.accessToken, { method: 'POST' })
    if (method === 'cookie') asksForRefresh(t, bare)
    else letsIn(t, bare)
    const headers = { rid: 'whatever' }
    letsIn(t, await send('/me', client.accessToken, { method: 'POST', headers }))
    letsIn(t, await send('/me', client.accessToken))
  })

  test(`by ${method}: row 3, without a token nothing is said about anti-CSRF`, async (t) => {
    for (const antiCsrf of ['VIA_CUSTOM_HEADER', 'VIA_TOKEN'] as const) {
      const { app } = await verifyApp(t, method, { antiCsrf })
      isUnauthorised(t, await app.inject({ method: 'POST', url: '/me' }))
    }
  })

  test(`by ${method}: row 5, without a token a required session is 401, and nothing is cleared`, async (t) => {
    const { app, send } = await verifyApp(t, method)
    for (const reply of [await app.inject('/me'), await send('/me', 'not-one-of-ours')]) {
      isUnauthorised(t, reply)
      isKept(t, reply)
    }
  })

  test(`by ${method}: row 5', without a token an optional session is none`, async (t) => {
    const { app, send } = await verifyApp(t, method)
    letsIn(t, await app.inject('/optional'), null)
    letsIn(t, await send('/optional', 'not-one-of-ours'), null)
  })

  test(`by ${method}: row 7, a token that is expired or forged asks for a refresh, on optional routes too`, async (t) => {
    const { client, clock, send } = await verifyApp(t, method)
    const good = String(client.accessToken)
    const forged = `${good.slice(0, -4)}AAAA`
    for (const url of ['/me', '/optional']) asksForRefresh(t, await send(url, forged))
    clock.advance(3600)
    for (const url of ['/me', '/optional']) asksForRefresh(t, await send(url, good))
  })

  test(`by ${method}: row 8, a token of the other kind of key asks for a refresh`, async (t) => {
    const store = memoryStore()
    const { client } = await verifyApp(t, method, { store })
    const { send } = await verifyApp(t, method, { store, useDynamicAccessTokenSigningKey: false })
    asksForRefresh(t, await send('/me', client.accessToken))
  })

  test(`by ${method}: rows 7 and 9, with VIA_TOKEN cookies take the token's own value`, async (t) => {
    const { app, client, send } = await verifyApp(t, method, { antiCsrf: 'VIA_TOKEN' })
    const value = payloadOf(client.accessToken)['antiCsrfToken']
    t.equal(typeof value === 'string', method === 'cookie')
    const post = (antiCsrf?: string, url = '/me') =>
      send(url, client.accessToken, {
        method: 'POST',
        headers: antiCsrf === undefined ? {} : { 'anti-csrf': antiCsrf }
      })
    for (const wrong of [undefined, '', 'wrong']) {
      if (method === 'cookie') asksForRefresh(t, await post(wrong))
      else letsIn(t, await post(wrong))
    }
    letsIn(t, await post(String(value)))
    letsIn(t, await post(undefined, '/no-csrf'))
    letsIn(t, await send('/me', client.accessToken))
    if (method === 'cookie') asksForRefresh(t, await send('/csrf', client.accessToken))

    const { accessToken } = await app.sessions.issue({ userId: 'bob', disableAntiCsrf: true })
    const without = await send('/me', accessToken, { method: 'POST' })
    if (method === 'cookie') asksForRefresh(t, without)
    else letsIn(t, without, 'bob')
  })

  test(`by ${method}: row 10, a session that is gone is 401 where the store is asked, and everything is cleared`, async (t) => {
    const { app, client, handle, send } = await verifyApp(t, method)
    const confirmed = client.accessToken
    await client.refresh()
    await app.sessions.revoke(handle)
    isLoggedOut(t, await send('/checked', confirmed))
    isLoggedOut(t, await send('/me', client.accessToken))
    letsIn(t, await send('/me', confirmed))
  })

  test(`by ${method}: row 11, claims that do not satisfy are 403, and the tokens are kept`, async (t) => {
    const { client } = await verifyApp(t, method)
    const reply = await client.get('/pro')
    t.equal(reply.statusCode, 403)
    t.same(reply.json(), {
      message: 'invalid claim',
      claimValidationErrors: [{ id: 'plan', reason: { message: 'wrong value' } }]
    })
    isKept(t, reply)
  })

  test(`by ${method}: row 12, only a new access token is attached, by the same method`, async (t) => {
    const { app, client, handle } = await verifyApp(t, method)
    const known = await client.get('/me')
    letsIn(t, known)
    isKept(t, known)
    await client.refresh()
    for (const prepare of [
      async () => {},
      () => app.sessions.mergePayload(handle, { plan: 'pro' })
    ]) {
      await prepare()
      const reply = await client.get('/checked')
      letsIn(t, reply)
      t.type(reply.headers['front-token'], 'string')
      t.equal(reply.headers['st-refresh-token'], undefined)
      t.equal(reply.headers['anti-csrf'], undefined)
      t.equal(typeof reply.headers['st-access-token'] === 'string', method === 'header')
      t.same(
        reply.cookies.map(({ name }) => name),
        method === 'cookie' ? ['sAccessToken'] : []
      )
      isKept(t, await client.get('/checked'))
    }
  })

  test(`by ${method}: an earlier row goes before a later one`, async (t) => {
    const { app, client, clock, handle, send } = await verifyApp(t, method)
    const legacy = { headers: { cookie: 'sIdRefreshToken=x' } }
    asksForRefresh(t, await app.inject({ url: '/me', ...legacy }))
    await app.sessions.revoke(handle)
    isLoggedOut(t, await send('/strict', client.accessToken))
    clock.advance(3600)
    asksForRefresh(t, await send('/strict', client.accessToken))
    asksForRefresh(t, await send('/pro', client.accessToken))
  })
}

test('row 6: a text that is no token is 401 or none, where the app moves tokens itself', async (t) => {
  const { app } = await buildApp(t)
  await t.rejects(app.sessions.verify('not-one-of-ours'), UnauthorisedError)
  await app.sessions.verify('').catch(({ clearTokens }) => t.equal(clearTokens, false))
  t.equal(await app.sessions.verify('', undefined, { sessionRequired: false }), null)
})

for (const antiCsrf of ['VIA_TOKEN', 'VIA_CUSTOM_HEADER', 'NONE'] satisfies AntiCsrfMode[]) {
  test(`rows 4 and 9 with ${antiCsrf}: GET and HEAD are not checked, what changes something is`, async (t) => {
    const { client, send } = await verifyApp(t, 'cookie', { antiCsrf })
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const reply = await send('/any', client.accessToken, { method })
      if (antiCsrf === 'NONE') letsIn(t, reply)
      else asksForRefresh(t, reply)
    }
    for (const method of ['GET', 'HEAD'] as const)
      t.equal((await send('/me', client.accessToken, { method })).statusCode, 200)
  })
}
