import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import { buildApp } from '../../examples/recipes/single-page-app.ts'
import { Client } from '../builders/client.ts'
import { newFolder } from '../builders/folder.ts'
import { checkPageCode } from '../builders/page-code.ts'

const NAVIGATION = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

async function open(t: Test) {
  const root = await newFolder(t)
  await mkdir(join(root, 'assets'))
  await writeFile(join(root, 'index.html'), '<title>app</title>')
  await writeFile(join(root, 'assets/main.js'), 'start()')
  const app = await buildApp(root)
  t.teardown(() => app.close())
  return app
}

test('the page shows the example', async (t) => {
  await checkPageCode(t, 'docs/recipes/single-page-app.md')
})

test('pages of the front end are index.html, with status 200', async (t) => {
  const app = await open(t)
  for (const url of ['/', '/settings', '/items/5?tab=2', '/index.html']) {
    const reply = await app.inject({ url, headers: NAVIGATION })
    t.equal(reply.statusCode, 200, url)
    t.equal(reply.body, '<title>app</title>', url)
    t.match(reply.headers['content-type'], /^text\/html/, url)
  }
  t.equal((await app.inject('/assets/main.js')).body, 'start()')
})

test('everything else that is missing is a 404 in JSON', async (t) => {
  const app = await open(t)
  for (const options of [
    { url: '/api/nowhere', headers: NAVIGATION },
    { url: '/api/nowhere', headers: { accept: 'application/json' } },
    { url: '/assets/gone.js', headers: { accept: '*/*' } },
    { url: '/settings' },
    { url: '/api/nowhere', method: 'POST', headers: NAVIGATION }
  ] as const) {
    const reply = await app.inject(options)
    t.equal(reply.statusCode, 404, options.url)
    t.same(reply.json(), { detail: 'Not Found' }, options.url)
  }
  const wrongMethod = await app.inject('/api/login')
  t.equal(wrongMethod.statusCode, 405)
  t.equal(wrongMethod.headers.allow, 'POST')
})

test('the API has sessions in cookies', async (t) => {
  const app = await open(t)
  const client = new Client(app, 'cookie')
  t.equal((await client.get('/api/me')).statusCode, 401)
  t.equal((await client.login('ada', {}, '/api/login')).statusCode, 200)
  t.same((await client.get('/api/me')).json(), { userId: 'ada' })
})

test('a login that names no user is refused', async (t) => {
  const app = await open(t)
  for (const payload of [
    undefined,
    {},
    { userId: {} },
    { userId: '\0' },
    { userId: 'a'.repeat(101) }
  ]) {
    const reply = await app.inject({
      method: 'POST',
      url: '/api/login',
      ...(payload && { payload })
    })
    t.equal(reply.statusCode, 422)
  }
})
