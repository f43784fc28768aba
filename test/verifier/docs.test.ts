import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { test } from 'tap'
import { VERIFIER_OPTIONS } from '../../lib/verifier/options.ts'
import { buildApp } from '../builders/app.ts'
import { Client } from '../builders/client.ts'
import { freePort } from '../builders/free-port.ts'

const page = await readFile('docs/second-service.md', 'utf8')

test('the example of docs/second-service.md verifies tokens of its issuer', async (t) => {
  const port = await freePort()
  const apiDomain = `http://127.0.0.1:${port}`
  const { app: issuer } = await buildApp(t, { appInfo: { apiDomain }, clock: Date.now })
  await issuer.listen({ host: '127.0.0.1', port })

  const [, code = ''] = /```js\n(.*?)```/s.exec(page) ?? []
  const runnable = code
    .replace("'fastify-supersession/verifier'", "'../lib/verifier/index.js'")
    .replace('https://api.example.com', apiDomain)
    .replace(/^await app\.listen.*$/m, 'export { app }')
  await mkdir('.build/docs', { recursive: true })
  await writeFile('.build/docs/second-service.js', runnable)
  const { app } = await import(pathToFileURL('.build/docs/second-service.js').href)
  t.teardown(() => app.close())

  const client = new Client(issuer, 'header')
  await client.login('ada', { accessTokenPayload: { plan: 'pro' } })
  const headers = { authorization: `Bearer ${client.accessToken}` }
  t.same((await app.inject({ url: '/invoices', headers })).json(), { userId: 'ada', plan: 'pro' })
  t.equal((await app.inject('/invoices')).statusCode, 401)
})

test('the table of options in docs/second-service.md names every option, and no other', (t) => {
  const [, table = ''] = /## Options\n(.*?)\n## /s.exec(page) ?? []
  const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => String(name))
  t.same(named.toSorted(), VERIFIER_OPTIONS.toSorted())
  t.end()
})
