import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import { buildApp } from './builders/app.ts'
import { Client } from './builders/client.ts'

const guide = await readFile('docs/migrate-from-supertokens.md', 'utf8')

test('the app of the guide, moved over literally, does what it did', async (t) => {
  process.env['SESSION_SECRET'] = 'thirty-two characters are needed'
  const [, code = ''] = /After:\n\n```js\n(.*?)```/s.exec(guide) ?? []
  await mkdir('.build/docs', { recursive: true })
  const moved = `${code.replace("'fastify-supersession'", "'../lib/index.js'")}\nexport { app }\n`
  await writeFile('.build/docs/migrate.js', moved)
  const { app } = (await import(pathToFileURL('.build/docs/migrate.js').href)) as {
    app: FastifyInstance
  }
  t.teardown(() => app.close())
  const refuse = () => [{ id: 'plan', validate: () => ({ isValid: false }) as const }]
  app.get(
    '/paid',
    { preHandler: app.verifySession({ overrideGlobalClaimValidators: refuse }) },
    async () => 'never'
  )
  const client = new Client(app, 'cookie')
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: '/auth/session/refresh',
    headers: {
      origin: 'http://localhost:3000',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'rid,st-auth-mode'
    }
  })
  t.equal(preflight.statusCode, 204)
  t.equal(preflight.headers['access-control-allow-credentials'], 'true')

  t.same((await client.login('ada')).json(), { ok: true })
  t.same((await client.get('/notes')).json(), { userId: 'ada', plan: 'free', seen: 0 })
  t.same((await client.get('/paid')).json(), { missing: ['plan'] })
  t.equal((await client.post('/upgrade')).statusCode, 200)
  t.same((await client.get('/notes')).json(), { userId: 'ada', plan: 'pro', seen: 1 })
  t.equal((await client.refresh()).statusCode, 200)
  t.same((await client.get('/notes')).json(), { userId: 'ada', plan: 'pro', seen: 2 })
  client.antiCsrf = 'wrong'
  t.equal((await client.post('/upgrade')).statusCode, 401)
})

test('every function that the guide names is there', async (t) => {
  const { app } = await buildApp(t)
  const [, functions = ''] = /\| `Session\.` \|(.*?)\n\n/s.exec(guide) ?? []
  const names = [...functions.matchAll(/^\| `\w+\(.*?\)` \| `(\w+)\(/gm)].map(([, name]) => name)
  t.same(
    names.sort(),
    Object.keys(app.sessions)
      .filter((name) => !['devices', 'rotateKeys'].includes(name))
      .sort()
  )
  const { session } = await app.sessions.issue({ userId: 'ada' })
  const [, members = ''] = /\| `request\.session\.` \|(.*?)\n\n/s.exec(guide) ?? []
  const cells = [...members.matchAll(/^\| `.*?` \| (.*?) \|$/gm)].map(([, cell]) => String(cell))
  t.ok(cells.length > 5)
  for (const [, name = ''] of cells.join(' ').matchAll(/`(\w+)(?:\(\w*\))?`/g))
    t.ok(name in session || name in app.sessions, name)
})
