import { test } from 'tap'
import { memoryStore } from '../../lib/index.ts'
import { encodeFrontToken } from '../../lib/tokens/front-token.ts'
import { buildApp } from '../builders/app.ts'

test('the front token is user, expiry in milliseconds and the whole payload, as base64 JSON', async (t) => {
  const { app } = await buildApp(t, { store: memoryStore() })
  const accessTokenPayload = { name: 'Zoë 🦄' }
  const { session, frontToken } = await app.sessions.issue({ userId: 'ada', accessTokenPayload })
  const { payload } = session
  t.equal(frontToken, encodeFrontToken(payload))
  t.same(JSON.parse(Buffer.from(frontToken, 'base64').toString('utf8')), {
    uid: 'ada',
    ate: payload.exp * 1000,
    up: payload
  })
})
