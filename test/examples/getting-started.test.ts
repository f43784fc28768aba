import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { Client } from '../builders/client.ts'

const page = await readFile('docs/getting-started.md', 'utf8')
const files = [...page.matchAll(/<!-- file: (\S+) -->\n\n```js\n(.*?)```/gs)].map(
  ([, file, code]) => ({ file: String(file), code: String(code) })
)
const FOLDER = '.build/getting-started'

test('the page shows the files of the example as they are', async (t) => {
  t.equal(files.length, 3)
  for (const { file, code } of files) t.equal(await readFile(file, 'utf8'), code, file)
})

test('its test passes, and its app does what the page says', async (t) => {
  await mkdir(FOLDER, { recursive: true })
  for (const { file, code } of files) {
    const runnable = code
      .replace("'fastify-supersession'", "'../lib/index.js'")
      .replace("'fastify-supersession/testing'", "'../lib/testing/index.js'")
    await writeFile(`${FOLDER}/${basename(file)}`, runnable)
  }
  const { NODE_V8_COVERAGE: _, NODE_TEST_CONTEXT: __, NODE_OPTIONS: ___, ...env } = process.env
  const run = promisify(execFile)(process.execPath, ['--test', `${FOLDER}/app.test.js`], { env })
  t.match((await run).stdout, /pass 2\b/)

  const { buildApp } = await import(new URL('../../getting-started/app.js', import.meta.url).href)
  const app = await buildApp()
  t.teardown(() => app.close())
  const client = new Client(app, 'cookie')
  const ada = { name: 'ada', password: 'correct horse' }
  t.equal((await client.post('/signup', { ...ada, password: 'short' })).statusCode, 422)
  t.equal((await client.post('/login', ada)).statusCode, 403)
  t.equal((await client.post('/signup', ada)).statusCode, 201)
  t.equal((await client.post('/signup', ada)).statusCode, 409)
  t.same((await client.get('/me')).json(), { name: 'ada' })
  t.equal((await client.post('/auth/signout')).statusCode, 200)
  t.same((await new Client(app, 'cookie').get('/me')).json(), { message: 'unauthorised' })
  t.equal((await client.post('/login', { ...ada, password: 'battery staple' })).statusCode, 403)
  t.equal((await client.post('/login', ada)).statusCode, 200)

  const signUp = (name: string, password: string) =>
    app.inject({ method: 'POST', url: '/signup', payload: { name, password } })
  const atOnce = await Promise.all([signUp('bob', 'correct horse'), signUp('bob', 'another one')])
  t.same(atOnce.map(({ statusCode }) => statusCode).sort(), [201, 409])
  for (const name of ['', '\0', '\ud800', 'a'.repeat(101)])
    t.equal((await signUp(name, 'correct horse')).statusCode, 422, JSON.stringify(name))
})
