import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Test, test } from 'tap'
import type { SessionReusedMessage } from '../../lib/index.ts'
import { RepeatedExchanges } from '../../lib/session/repeated-exchanges.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { logLines } from '../builders/log-lines.ts'
import { newRecord } from '../builders/record.ts'

const CHANNEL = 'fastify-supersession:session'

function reusedMessages(t: Test): SessionReusedMessage[] {
  const messages: SessionReusedMessage[] = []
  const onMessage = (message: unknown) => {
    if ((message as { kind: string }).kind === 'reused')
      messages.push(message as SessionReusedMessage)
  }
  subscribe(CHANNEL, onMessage)
  t.teardown(() => unsubscribe(CHANNEL, onMessage))
  return messages
}

test('a stolen jar that is presented every twenty seconds is heard of, and nobody is logged out', async (t) => {
  const { lines, logger } = logLines()
  const { app, clock } = await buildApp(t, {}, { logger })
  const messages = reusedMessages(t)
  const owner = new Client(app, 'cookie')
  const { handle } = (await owner.login()).json()
  const thief = owner.copy()
  const { refreshToken } = thief
  for (let round = 0; round < 21; round++) {
    clock.advance(20)
    t.equal((await Object.assign(thief, { refreshToken }).refresh()).statusCode, 200)
  }
  t.same(
    messages.map(({ count }) => count),
    Array.from({ length: 20 }, (_, index) => index + 2)
  )
  t.same(
    messages.filter(({ isUnusual }) => isUnusual).map(({ count }) => count),
    [20, 21]
  )
  t.match(messages[0], { sessionHandle: handle, userId: 'ada' })
  const warnings = lines.filter((line) => line.includes('exchanged unusually often'))
  t.equal(warnings.length, 1)
  t.notMatch(warnings[0], refreshToken as string)
  t.equal((await owner.refresh()).statusCode, 200)
  t.equal((await owner.get('/me')).statusCode, 200)
})

test('two tabs and a retry are heard of, as nothing unusual', async (t) => {
  const { app } = await buildApp(t)
  const messages = reusedMessages(t)
  const client = new Client(app, 'header')
  await client.login()
  const tabs = [client.copy(), client.copy(), client.copy()]
  for (const tab of tabs) await tab.refresh()
  t.match(messages, [
    { count: 2, isUnusual: false },
    { count: 3, isUnusual: false }
  ])
})

test('the oldest tokens are forgotten, so that memory is bounded', async (t) => {
  const messages = reusedMessages(t)
  const exchanges = new RepeatedExchanges()
  for (let index = 0; index <= 10_000; index++) exchanges.note(`h${index}`, newRecord(), null)
  exchanges.note('h0', newRecord(), null)
  t.equal(messages.length, 0)
  exchanges.note('h10000', newRecord(), null)
  t.equal(messages.length, 1)
})
