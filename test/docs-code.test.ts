import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { type Test, test } from 'tap'
import { buildApp } from './builders/app.ts'
import { Client } from './builders/client.ts'

const FOLDER = '.build/docs-code'

/** Runs a block of code of a page as it stands, but for where the package is. */
async function run(page: string, index: number, name?: string): Promise<unknown> {
  const text = await readFile(`docs/${page}.md`, 'utf8')
  const code = [...text.matchAll(/```js\n(.*?)```/gs)][index]?.[1] ?? ''
  const runnable = code.replaceAll(
    /'fastify-supersession\/(\w+)'/g,
    (_, entry) => `'../lib/${entry}/index.js'`
  )
  const file = `${FOLDER}/${page}-${index}.js`
  await mkdir(FOLDER, { recursive: true })
  await writeFile(file, name === undefined ? runnable : `${runnable}\nexport { ${name} }\n`)
  const module = await import(pathToFileURL(file).href)
  return name === undefined ? undefined : module[name]
}

/** A login and a refused request. */
async function useSessions(t: Test): Promise<void> {
  const { app } = await buildApp(t)
  const client = new Client(app, 'header')
  await client.login()
  t.equal((await new Client(app, 'header').get('/me')).statusCode, 401)
}

test('the counters of docs/operation.md count', async (t) => {
  const counts = await run('operation', 0, 'counts')
  await useSessions(t)
  t.same(counts, { created: 1, refused: 1, theft: 0 })
})

test('the metrics of docs/operation.md end when they are told to', async (t) => {
  const stop = (await run('operation', 1, 'stop')) as () => void
  t.doesNotThrow(stop)
})

test('the listener of docs/troubleshooting.md prints why a request was refused', async (t) => {
  await run('troubleshooting', 0)
  const lines = t.capture(console, 'log', () => {})
  await useSessions(t)
  t.same(
    lines().map(({ args }) => args),
    [[401, 'no-token', 'GET', '/me']]
  )
})
