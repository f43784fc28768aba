import { type Test, test } from 'tap'
import type { SupersessionOptions } from '../../lib/index.ts'
import { type BuiltApp, buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

const GRACE_SECONDS = 30

/** A client that refreshed and used its new tokens, a thief with the old ones, and time gone by. */
async function stolen(
  t: Test,
  options: SupersessionOptions = {}
): Promise<BuiltApp & { owner: Client; thief: Client; handle: string }> {
  const built = await buildApp(t, options)
  const owner = new Client(built.app, 'cookie')
  const { handle } = (await owner.login()).json()
  const thief = owner.copy()
  await owner.refresh()
  await owner.get('/me')
  built.clock.advance(GRACE_SECONDS)
  return { ...built, owner, thief, handle }
}

test('an old refresh token whose child was used ends the session', async (t) => {
  const { app, owner, thief, handle } = await stolen(t)
  const caught = await thief.refresh()
  t.equal(caught.statusCode, 401)
  t.same(caught.json(), { message: 'token theft detected' })
  t.equal(caught.headers['front-token'], 'remove')
  for (const name of ['sAccessToken', 'sRefreshToken']) {
    const cookie = caught.cookies.find((one) => one.name === name)
    t.equal(cookie?.value, '')
    t.equal(cookie?.expires?.getTime(), 0)
  }
  t.equal(await app.sessions.info(handle), null)

  const after = await owner.refresh()
  t.equal(after.statusCode, 401, 'the owner has to log in again as well')
  t.same(after.json(), { message: 'unauthorised' })
})

test('within the grace period an old refresh token is a straggler, and is served', async (t) => {
  const { app, clock, thief: straggler, handle } = await stolen(t)
  clock.advance(-1)
  t.equal((await straggler.refresh()).statusCode, 200)
  t.equal((await straggler.get('/me')).statusCode, 200)
  t.not(await app.sessions.info(handle), null)
})

test('a custom theft handler answers, and the session is revoked all the same', async (t) => {
  const calls: unknown[][] = []
  const { app, thief, handle } = await stolen(t, {
    errorHandlers: {
      onTokenTheftDetected: (sessionHandle, userId, _request, reply) => {
        calls.push([sessionHandle, userId])
        return reply.code(401).send({ error_msg: 'token theft' })
      }
    }
  })
  const caught = await thief.refresh()
  t.equal(caught.statusCode, 401)
  t.same(caught.json(), { error_msg: 'token theft' })
  t.same(calls, [[handle, 'ada']])
  t.equal(caught.headers['front-token'], 'remove')
  t.equal(await app.sessions.info(handle), null)
})

test('a stolen child that is used first makes the refresh of the owner a theft', async (t) => {
  const { app, clock } = await buildApp(t)
  const owner = new Client(app, 'header')
  await owner.login()
  const thief = owner.copy()
  await thief.refresh()
  await thief.get('/me')
  clock.advance(GRACE_SECONDS)
  t.same((await owner.refresh()).json(), { message: 'token theft detected' })
})

test('without a grace period the rule is the legacy one', async (t) => {
  const { app } = await buildApp(t, { refreshGracePeriod: 0 })
  const client = new Client(app, 'header')
  await client.login()
  const second = client.copy()
  await client.refresh()
  await second.refresh()
  t.not(client.refreshToken, second.refreshToken, 'each refresh makes a child of its own')
  await client.get('/me')
  t.same((await second.refresh()).json(), { message: 'token theft detected' })
})

test('fifty parallel refreshes with one token carry one and the same refresh token', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'cookie')
  await client.login()
  const tabs = Array.from({ length: 50 }, () => client.copy())
  const replies = await Promise.all(tabs.map((tab) => tab.refresh()))
  t.same(new Set(replies.map((reply) => reply.statusCode)), new Set([200]))
  t.equal(new Set(tabs.map((tab) => tab.refreshToken)).size, 1)
  t.not(tabs[0]?.refreshToken, client.refreshToken)
})

test('a lost reply to a refresh is harmless, weeks later too', async (t) => {
  const { app, clock } = await buildApp(t)
  const client = new Client(app, 'cookie')
  await client.login()
  await client.copy().refresh()
  clock.advance(21 * 86_400)
  t.equal((await client.refresh()).statusCode, 200)
  t.equal((await client.get('/me')).statusCode, 200)
})

test('a tampered or invented refresh token is unauthorised, and no theft', async (t) => {
  const { app } = await buildApp(t)
  const client = new Client(app, 'header')
  await client.login()
  const good = String(client.refreshToken)
  for (const text of [
    `${good}x`,
    good.replace(/^v1/, 'v2'),
    good.slice(0, -2),
    `${good}.more`,
    'v1..',
    'x'.repeat(5000),
    '....'
  ]) {
    client.refreshToken = text
    const reply = await client.refresh()
    t.equal(reply.statusCode, 401, text.slice(0, 20))
    t.same(reply.json(), { message: 'unauthorised' })
    t.equal(reply.headers['front-token'], 'remove')
  }
  client.refreshToken = good
  t.equal((await client.refresh()).statusCode, 200, 'the session itself is untouched')
})
