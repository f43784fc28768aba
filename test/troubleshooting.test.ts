import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import { SESSION_ERROR_REASONS } from '../lib/errors/session-errors.ts'
import { buildApp } from './builders/app.ts'
import { Client } from './builders/client.ts'
import { logLines } from './builders/log-lines.ts'

test('the page lists each reason of a refusal, and no other, with a remedy', async (t) => {
  const page = await readFile('docs/troubleshooting.md', 'utf8')
  const [, table = ''] = /\| reason \| what happened \|(.*?)\n\n/s.exec(page) ?? []
  const rows = [...table.matchAll(/^\| `([\w-]+)` \| (.+?) \| (.+?) \|$/gm)]
  t.same(
    rows.map(([, reason]) => reason),
    Object.keys(SESSION_ERROR_REASONS)
  )
})

test('lines of the log are as the page says, those of foreign pages as well', async (t) => {
  const { lines, logger } = logLines()
  const { app } = await buildApp(t, {}, { logger })
  const client = new Client(app, 'cookie')
  await client.login()
  await app.inject('/me')
  const headers = { origin: 'https://evil.test' }
  await client.request({ method: 'POST', url: '/me', headers })
  const refused = lines
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === 'request refused')
  t.match(refused, [
    { level: 20, type: 'UNAUTHORISED', reason: 'no-token', message: String },
    { level: 30, reason: 'origin', error: { cause: /https:\/\/evil\.test/ } }
  ])
  t.notOk('type' in refused[1])
})
