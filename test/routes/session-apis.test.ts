import { test } from 'tap'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

test('refresh and sign-out take no body, and do not mind one', async (t) => {
  for (const headers of [
    {},
    { 'content-type': 'application/json' },
    { 'content-type': 'text/html' }
  ]) {
    for (const payload of [undefined, '', '{"a":1}', '{']) {
      const { app } = await buildApp(t)
      const client = new Client(app, 'header')
      await client.login()
      const bearer = (token?: string) => ({ ...headers, authorization: `Bearer ${token}` })
      const body = payload === undefined ? {} : { payload }
      const refresh = await app.inject({
        method: 'POST',
        url: '/auth/session/refresh',
        headers: bearer(client.refreshToken),
        ...body
      })
      t.equal(refresh.statusCode, 200)
      const signOut = await app.inject({
        method: 'POST',
        url: '/auth/signout',
        headers: bearer(client.accessToken),
        ...body
      })
      t.same(signOut.json(), { status: 'OK' })
    }
  }
})

test('the first visit of a browser is answered without asking the store', async (t) => {
  const { memoryStore } = await import('../../lib/index.ts')
  let calls = 0
  const store = memoryStore()
  const counted = Object.assign(Object.create(store), {
    get: () => {
      calls++
      return null
    }
  })
  for (const method of ['insert', 'replace', 'delete', 'listByUser', 'deleteExpired'] as const)
    counted[method] = store[method].bind(store)
  for (const method of ['listKeys', 'addKey', 'close'] as const)
    counted[method] = store[method].bind(store)
  const { app } = await buildApp(t, { store: counted })
  const reply = await app.inject({ method: 'POST', url: '/auth/session/refresh' })
  t.equal(reply.statusCode, 401)
  t.equal(reply.headers['front-token'], 'remove')
  t.equal(calls, 0)
})

test('signing out without a session clears nothing, with an expired one asks for a refresh', async (t) => {
  const { app, clock } = await buildApp(t)
  const client = new Client(app, 'cookie')
  const nobody = await client.post('/auth/signout')
  t.equal(nobody.statusCode, 401)
  t.same(nobody.json(), { message: 'unauthorised' })
  t.equal(nobody.headers['front-token'], undefined)
  await client.login()
  clock.advance(3600)
  t.same((await client.post('/auth/signout')).json(), { message: 'try refresh token' })
})

test('signing out of a session that was revoked elsewhere is fine', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'cookie')
  const { handle } = (await client.login()).json()
  await app.sessions.revoke(handle)
  const reply = await client.post('/auth/signout')
  t.same(reply.json(), { status: 'OK' })
  t.equal(reply.headers['front-token'], 'remove')
})

test('the routes stand under the base path of the app', async (t) => {
  const { app } = await buildApp(t, {
    appInfo: { apiBasePath: '/api/session', apiGatewayPath: '/gateway' }
  })
  const client = new Client(app, 'cookie', '/api/session')
  const { cookies } = await client.login()
  t.equal(cookies[1]?.path, '/gateway/api/session/session/refresh', 'as the browser sees it')
  t.equal((await client.refresh()).statusCode, 200)
  t.equal((await app.inject({ method: 'POST', url: '/auth/session/refresh' })).statusCode, 404)
})
