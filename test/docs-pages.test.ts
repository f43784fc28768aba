import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { type Test, test } from 'tap'
import { ERRORS_OPTIONS, type ValidationOptions } from '../lib/errors/options.ts'
import { SESSION_OPTIONS } from '../lib/options/resolve.ts'
import { Client } from './builders/client.ts'

const sessions = await readFile('docs/sessions.md', 'utf8')
const texts = [await readFile('README.md', 'utf8'), sessions]
const examples = texts.flatMap((text) =>
  [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => String(code))
)

/** Runs an example as it stands, but for where the package is and for listening on a port. */
async function run(t: Test, code: string | undefined): Promise<FastifyInstance> {
  const folder = '.build/docs-pages'
  const file = `${folder}/example-${t.fullname.replaceAll(/\W+/g, '-')}.js`
  const runnable = String(code)
    .replaceAll("'fastify-supersession'", "'../lib/index.js'")
    .replaceAll("'fastify-supersession/testing'", "'../lib/testing/index.js'")
    .replace(/^await app\.listen.*$/m, '')
  await mkdir(folder, { recursive: true })
  await writeFile(file, `${runnable}\nexport { app }\n`)
  const { app } = await import(pathToFileURL(file).href)
  t.teardown(() => app.close())
  return app
}

test('the example of the README does what it says', async (t) => {
  const app = await run(t, examples[0])
  const client = new Client(app, 'cookie')
  t.equal((await client.get('/me')).statusCode, 401)
  t.equal((await client.post('/login')).statusCode, 422, 'without a body')
  t.same((await client.login('ada')).json(), { ok: true })
  t.same((await client.get('/me')).json(), { userId: 'ada' })
  const missing = await client.get('/items/5')
  t.equal(missing.statusCode, 404)
  t.same(missing.json(), { detail: 'Item not found' })
  t.equal(missing.headers['x-error'], 'no item')
})

test('the example for production takes a secret and answers errors its own way', async (t) => {
  process.env['SESSION_SECRET'] = 'thirty-two characters are needed'
  const app = await run(t, examples[1])
  app.get('/me', { preHandler: app.verifySession() }, async () => 'never')
  t.same((await app.inject('/me')).json(), { error_msg: 'unauthorised' })
})

test('the example of tests says what its comments say', async (t) => {
  const app = await run(t, `${examples[4]}\nObject.assign(app, { plan, statusCode })`)
  t.match(app, { plan: 'pro', statusCode: 401 })
})

test('the example of claims lets in whom it says', async (t) => {
  const app = await run(t, examples[2])
  app.post<{ Body: { userId: string } }>('/login', async (request, reply) => {
    await app.sessions.create(request, reply, request.body)
    return {}
  })
  const [ada, bob] = [new Client(app, 'header'), new Client(app, 'header')]
  await ada.login('ada')
  t.same((await ada.get('/admin')).json(), { roles: ['admin'] })
  await bob.login('bob')
  t.equal((await bob.get('/admin')).statusCode, 403)
})

test('the example of types is what the type tests declare', async (t) => {
  const [, code = ''] = /```ts\n(.*?)```/s.exec(sessions) ?? []
  t.ok(code.includes('SessionClaims'))
  t.equal(code, await readFile('types/declared/session-data.d.ts', 'utf8'))
})

test('the example of WebSockets closes a socket with its session', async (t) => {
  const app = await run(t, examples[3])
  await app.ready()
  const { session, accessToken } = await app.sessions.issue({ userId: 'ada' })
  const headers = { authorization: `Bearer ${accessToken}` }
  await t.rejects(app.injectWS('/news'), /401/)
  const socket = await app.injectWS('/news', { headers })
  const closed = once(socket, 'close')
  await app.sessions.revoke(session.handle)
  const [code, reason] = await closed
  t.same([code, String(reason)], [4401, 'UNAUTHORISED'])
  t.equal(examples.length, 5, 'there are no examples that nobody runs')
})

test('the table of options names every option of the plugin, and no other', async (t) => {
  const table = await readFile('docs/options.md', 'utf8')
  const rows = [...table.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => String(cell))
  const names = rows.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name))
  t.same([...new Set(names)].sort(), [...SESSION_OPTIONS].sort())
})

test('the table of options in docs/errors.md names every option of the errors plugin, and no other', async (t) => {
  const page = await readFile('docs/errors.md', 'utf8')
  const [, table = ''] = /## Options\n(.*?)\n## /s.exec(page) ?? []
  const named = [...table.matchAll(/^\| `(.*?)` \|/gm)].map(([, name]) => String(name))
  const ofValidation: Record<keyof ValidationOptions, true> = {
    status: true,
    input: true,
    maxIssues: true,
    showPattern: true,
    messages: true
  }
  const known = ERRORS_OPTIONS.flatMap((name) =>
    name === 'validation' ? Object.keys(ofValidation).map((part) => `${name}.${part}`) : name
  )
  t.same(named.toSorted(), known.toSorted())
})

test('the table of errors gives the default status and body of each session error', async (t) => {
  const { default: Fastify } = await import('fastify')
  const { default: errors, ...classes } = await import('../lib/errors/index.ts')
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(errors)
  const payload = { sessionHandle: 'h', userId: 'u', recipeUserId: 'u' }
  const thrown: Record<string, Error> = {
    UnauthorisedError: new classes.UnauthorisedError(),
    TryRefreshTokenError: new classes.TryRefreshTokenError(),
    TokenTheftDetectedError: new classes.TokenTheftDetectedError(payload),
    InvalidClaimsError: new classes.InvalidClaimsError([]),
    ClearDuplicateSessionCookiesError: new classes.ClearDuplicateSessionCookiesError(),
    StoreUnavailableError: new classes.StoreUnavailableError(),
    'anything else': new Error('secret')
  }
  app.get<{ Params: { name: string } }>('/:name', async ({ params }) => {
    throw thrown[params.name]
  })
  const page = await readFile('docs/errors.md', 'utf8')
  for (const name of Object.keys(thrown)) {
    const row = page
      .split('\n')
      .find((line) => line.startsWith(`| \`${name}\` |`) || line.startsWith(`| ${name} |`))
    const [, , , status, body = ''] = String(row)
      .split('|')
      .map((cell) => cell.trim())
    const reply = await app.inject(`/${encodeURIComponent(name)}`)
    t.equal(String(reply.statusCode), status?.slice(0, 3), name)
    const [, key] = /"(\w+)"/.exec(body) ?? []
    t.equal(Object.keys(reply.json())[0], key, name)
    const [, text] = /:"(.*?)"/.exec(body) ?? []
    if (text !== undefined) t.equal(Object.values(reply.json())[0], text, name)
  }
})
