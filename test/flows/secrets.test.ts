import { test } from 'tap'
import { memoryStore } from '../../lib/index.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'

const OLD = 'the old secret, thirty-two bytes and more'
const NEW = 'the new secret, thirty-two bytes and more'

test('secrets are changed step by step, and nobody is logged out', async (t) => {
  const store = memoryStore()
  const [before, added, after] = [
    await buildApp(t, { store, secret: OLD }),
    await buildApp(t, { store, secret: [OLD, NEW] }),
    await buildApp(t, { store, secret: [NEW, OLD] })
  ]
  // Two neighbouring steps serve at the same time, as they do while an app is deployed.
  for (const steps of [
    [before, added],
    [added, after]
  ]) {
    const client = new Client(before.app, 'cookie')
    await client.login()
    for (const { app } of [...steps, ...steps]) {
      for (const one of [before, added, after]) one.clock.advance(60)
      const there = Object.assign(new Client(app, 'cookie'), client.copy())
      t.equal((await there.refresh()).statusCode, 200)
      t.equal((await there.get('/me')).statusCode, 200)
      Object.assign(client, there.copy())
    }
  }
})

test('tabs that refresh at processes with the secrets in another order keep the session', async (t) => {
  const store = memoryStore()
  const [one, two] = [
    await buildApp(t, { store, secret: [OLD, NEW] }),
    await buildApp(t, { store, secret: [NEW, OLD] })
  ]
  const client = new Client(one.app, 'cookie')
  await client.login()
  const tab = Object.assign(new Client(two.app, 'cookie'), client.copy())
  await client.refresh()
  await tab.refresh()
  t.equal(tab.refreshToken, client.refreshToken)
  t.equal((await client.get('/me')).statusCode, 200)
  for (const { clock } of [one, two]) clock.advance(120)
  t.equal((await tab.refresh()).statusCode, 200)
})
