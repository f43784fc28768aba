import { test } from 'tap'
import { buildApp } from '../builders/app.ts'
import { Client, payloadOf } from '../builders/client.ts'

for (const method of ['cookie', 'header'] as const) {
  test(`by ${method}: login, verify, refresh, confirm, sign out`, async (t) => {
    const { app, clock } = await buildApp(t)
    const client = new Client(app, method)
    t.equal((await client.get('/me')).statusCode, 401)

    t.equal((await client.login('ada')).statusCode, 200)
    const me = await client.get('/me')
    t.equal(me.statusCode, 200)
    t.match(me.json(), { userId: 'ada' })
    t.equal(me.headers['front-token'], undefined, 'a plain verification changes nothing')

    clock.advance(3600)
    const expired = await client.get('/me')
    t.equal(expired.statusCode, 401)
    t.same(expired.json(), { message: 'try refresh token' })
    t.equal(expired.headers['set-cookie'], undefined)
    t.equal(expired.headers['front-token'], undefined)

    const refreshed = await client.refresh()
    t.equal(refreshed.statusCode, 200)
    t.same(refreshed.json(), {})
    t.type(payloadOf(client.accessToken)['parentRefreshTokenHash1'], 'string')

    t.equal((await client.get('/me')).statusCode, 200)
    t.equal(payloadOf(client.accessToken)['parentRefreshTokenHash1'], null)

    const signedOut = await client.post('/auth/signout')
    t.same(signedOut.json(), { status: 'OK' })
    t.equal(signedOut.headers['front-token'], 'remove')
    t.equal(client.accessToken, undefined)
    t.equal((await client.get('/me')).statusCode, 401)
  })
}
