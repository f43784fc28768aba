import { type Test, test } from 'tap'
import type { SupersessionOptions, TransferMethod } from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client, type Response } from '../builders/client.ts'

type Accepted = TransferMethod | 'any'
type Presence = 'yes' | 'no'

/** An app that takes one method, and the tokens of a session of it. */
async function withTokens(t: Test, accepted: Accepted, more: SupersessionOptions = {}) {
  const built = await buildApp(t, { getTokenTransferMethod: () => accepted, ...more })
  const { accessToken, refreshToken } = await built.app.sessions.issue({ userId: 'ada' })
  return { ...built, accessToken, refreshToken: String(refreshToken) }
}

function wasCleared(reply: Response, method: TransferMethod): boolean {
  if (method === 'header')
    return reply.headers['st-access-token'] === '' && reply.headers['st-refresh-token'] === ''
  const values = reply.cookies.map(({ value }) => value)
  return values.length === 2 && values.every((value) => value === '')
}

function wasSet(reply: Response, method: TransferMethod): boolean {
  if (method === 'header')
    return Boolean(reply.headers['st-access-token'] && reply.headers['st-refresh-token'])
  const values = reply.cookies.map(({ value }) => value)
  return values.length === 2 && values.every((value) => value !== '')
}

const verifyTable: [Accepted, header: Presence, cookie: Presence, used: string][] = [
  ['any', 'yes', 'no', 'header'],
  ['any', 'yes', 'yes', 'header'],
  ['header', 'yes', 'yes', 'header'],
  ['header', 'yes', 'no', 'header'],
  ['any', 'no', 'yes', 'cookie'],
  ['header', 'no', 'yes', 'none'],
  ['cookie', 'yes', 'yes', 'cookie'],
  ['cookie', 'no', 'yes', 'cookie'],
  ['cookie', 'yes', 'no', 'none'],
  ['any', 'no', 'no', 'none'],
  ['header', 'no', 'no', 'none'],
  ['cookie', 'no', 'no', 'none']
]

for (const [accepted, header, cookie, used] of verifyTable) {
  test(`verify, accepting ${accepted}, header ${header}, cookie ${cookie}: uses ${used}`, async (t) => {
    const { app, accessToken } = await withTokens(t, accepted)
    const other = (await app.sessions.issue({ userId: 'bob' })).accessToken
    const headers = {
      ...(header === 'yes' && { authorization: `Bearer ${accessToken}` }),
      ...(cookie === 'yes' && { cookie: `sAccessToken=${other}` })
    }
    const reply = await app.inject({ url: '/me', headers })
    if (used === 'none') {
      t.equal(reply.statusCode, 401)
      t.same(reply.json(), { message: 'unauthorised' })
      t.equal(reply.headers['set-cookie'], undefined, 'nothing is cleared')
      t.equal(reply.headers['front-token'], undefined)
    } else {
      t.equal(reply.json().userId, used === 'header' ? 'ada' : 'bob')
    }
  })
}

const refreshTable: [
  Accepted,
  header: Presence,
  cookie: Presence,
  set: TransferMethod | 'none',
  cleared: TransferMethod | 'none' | 'both'
][] = [
  ['any', 'no', 'no', 'none', 'both'],
  ['any', 'no', 'yes', 'cookie', 'none'],
  ['any', 'yes', 'no', 'header', 'none'],
  ['any', 'yes', 'yes', 'header', 'cookie'],
  ['header', 'no', 'no', 'none', 'both'],
  ['header', 'no', 'yes', 'none', 'both'],
  ['header', 'yes', 'no', 'header', 'none'],
  ['header', 'yes', 'yes', 'header', 'cookie'],
  ['cookie', 'no', 'no', 'none', 'both'],
  ['cookie', 'yes', 'no', 'none', 'both'],
  ['cookie', 'no', 'yes', 'cookie', 'none'],
  ['cookie', 'yes', 'yes', 'cookie', 'header']
]

for (const [accepted, header, cookie, set, cleared] of refreshTable) {
  test(`refresh, accepting ${accepted}, header ${header}, cookie ${cookie}: sets ${set}, clears ${cleared}`, async (t) => {
    const { app, refreshToken } = await withTokens(t, accepted)
    const headers = {
      ...(header === 'yes' && { authorization: `Bearer ${refreshToken}` }),
      ...(cookie === 'yes' && { cookie: `sRefreshToken=${refreshToken}` })
    }
    const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
    t.equal(reply.statusCode, set === 'none' ? 401 : 200)
    for (const method of ['cookie', 'header'] as const) {
      t.equal(wasSet(reply, method), set === method, `sets by ${method}`)
      t.equal(wasCleared(reply, method), [method, 'both'].includes(cleared), `clears by ${method}`)
    }
    const front = reply.headers['front-token']
    if (set === 'none') t.equal(front, 'remove')
    else t.not(front, 'remove')
  })
}

test('an empty refresh cookie counts as missing', async (t) => {
  const { app } = await buildApp(t)
  const headers = { cookie: 'sRefreshToken=; sAccessToken=' }
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh', headers })
  t.equal(reply.statusCode, 401)
})

test('a foreign Bearer token is passed over in favour of our cookie', async (t) => {
  const { app, accessToken } = await withTokens(t, 'any')
  const reply = await app.inject({
    url: '/me',
    headers: { authorization: 'Bearer not-one-of-ours', cookie: `sAccessToken=${accessToken}` }
  })
  t.equal(reply.json().userId, 'ada')
})

for (const [asked, given] of [
  ['cookie', 'cookie'],
  ['COOKIE', 'cookie'],
  ['header', 'header'],
  ['other', 'header'],
  [undefined, 'header']
] as const) {
  test(`a login that asks for ${asked} is given ${given} tokens`, async (t) => {
    const { app } = await buildApp(t)
    const reply = await app.inject({
      method: 'POST',
      url: '/login',
      payload: { userId: 'ada' },
      headers: asked === undefined ? {} : { 'st-auth-mode': asked }
    })
    t.equal(reply.statusCode, 200)
    t.ok(wasSet(reply, given))
    t.equal(
      reply.headers['access-control-expose-headers'],
      given === 'cookie' ? 'front-token' : 'front-token, st-access-token, st-refresh-token'
    )
  })
}

test('a login by a page of the same origin, or after a redirect, is given cookies', async (t) => {
  const { app } = await buildApp(t)
  app.get('/callback', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    return {}
  })
  const form = (site: string, more: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: '/login',
      payload: { userId: 'ada' },
      headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': site, ...more }
    })
  t.ok(wasSet(await form('same-origin'), 'cookie'))
  t.ok(wasSet(await form('same-origin', { 'sec-fetch-mode': 'cors' }), 'cookie'), 'a script')
  t.ok(wasSet(await form('same-origin', { 'st-auth-mode': 'misspelt' }), 'cookie'))
  t.ok(wasSet(await form('same-origin', { 'st-auth-mode': 'header' }), 'header'))
  for (const site of ['same-site', 'cross-site', 'none'])
    for (const mode of ['navigate', 'cors'])
      t.ok(
        wasSet(await form(site, { 'sec-fetch-mode': mode }), 'header'),
        `${site}: a page must not log its visitors in`
      )
  const headers = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site' }
  t.ok(wasSet(await app.inject({ url: '/callback', headers }), 'cookie'), 'a redirect back')
})

test('the app decides the transfer method over what the client asks for', async (t) => {
  const calls: boolean[] = []
  const { app } = await buildApp(t, {
    getTokenTransferMethod: ({ forCreateNewSession }) => {
      calls.push(forCreateNewSession)
      return 'cookie'
    }
  })
  t.ok(wasSet(await new Client(app, 'header').login(), 'cookie'))
  t.same(calls, [true])
})

test('the function that decides the transfer method is given the request by both its names', async (t) => {
  const { app } = await buildApp(t, {
    getTokenTransferMethod: ({ request, req }) => {
      t.equal(req, request)
      return req.headers['x-app'] === undefined ? 'cookie' : 'header'
    }
  })
  t.ok(wasSet(await new Client(app, 'header').login(), 'cookie'))
})

for (const [transferMethod, other] of [
  ['cookie', 'header'],
  ['header', 'cookie']
] as const) {
  test(`one session may travel by ${transferMethod}, whatever all others do`, async (t) => {
    const { app } = await buildApp(t, { getTokenTransferMethod: () => other })
    t.ok(wasSet(await new Client(app, other).login('ada', { transferMethod }), transferMethod))
    t.ok(wasSet(await new Client(app, transferMethod).login('ada'), other))
  })
}

for (const answer of [undefined, 'cookies', Promise.resolve('header')]) {
  test(`a transfer method that is ${answer} is refused by name, for a login and a check`, async (t) => {
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const options = { getTokenTransferMethod: () => answer as 'any' }
    const { app } = await buildApp(t, options, { logger: { level: 'error', stream } })
    const payload = { userId: 'ada' }
    for (const reply of [
      await app.inject({ method: 'POST', url: '/login', payload }),
      await app.inject('/me')
    ])
      t.equal(reply.statusCode, 500)
    t.match(lines, [/getTokenTransferMethod\(\)/, /getTokenTransferMethod\(\)/])
  })
}

for (const [method, other] of [
  ['cookie', 'header'],
  ['header', 'cookie']
] as const) {
  test(`a login by ${method} clears the ${other} tokens that came along`, async (t) => {
    const { app, accessToken } = await withTokens(t, 'any')
    const reply = await app.inject({
      method: 'POST',
      url: '/login',
      payload: { userId: 'bob' },
      headers: {
        'st-auth-mode': method,
        ...(other === 'header'
          ? { authorization: `Bearer ${accessToken}` }
          : { cookie: `sAccessToken=${accessToken}` })
      }
    })
    t.ok(wasCleared(reply, other) || reply.headers['set-cookie'] !== undefined)
    t.not(reply.headers['front-token'], 'remove')
  })
}

test('signing out clears only the method that carried the session', async (t) => {
  const { app, accessToken } = await withTokens(t, 'any')
  const reply = await app.inject({
    method: 'POST',
    url: '/auth/signout',
    headers: { authorization: `Bearer ${accessToken}` }
  })
  t.ok(wasCleared(reply, 'header'))
  t.equal(reply.headers['set-cookie'], undefined)
  t.equal(reply.headers['front-token'], 'remove')
})

test('the access token is exposed beside the cookie where the app asks for it', async (t) => {
  const { app, clock } = await buildApp(t, { exposeAccessTokenToFrontendInCookieBasedAuth: true })
  const client = new Client(app, 'cookie')
  const login = await client.login()
  t.equal(login.headers['st-access-token'], client.accessToken)
  t.equal(login.headers['st-refresh-token'], undefined)
  clock.advance(3600)
  await client.refresh()
  const promoted = await client.get('/me')
  t.equal(promoted.headers['st-access-token'], client.accessToken)
})
