import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { test } from 'tap'

const FOLDER = '.build/docs-code'

for (const page of ['operation', 'troubleshooting'])
  test(`the code of docs/${page}.md runs`, async (t) => {
    await mkdir(FOLDER, { recursive: true })
    const text = await readFile(`docs/${page}.md`, 'utf8')
    const blocks = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => String(code))
    t.ok(blocks.length > 0)
    for (const [index, code] of blocks.entries()) {
      const file = `${FOLDER}/${page}-${index}.js`
      const stop = code.includes('const stop') ? '\nstop()\n' : ''
      const runnable = code.replaceAll(
        /'fastify-supersession\/(\w+)'/g,
        (_, entry) => `'../lib/${entry}/index.js'`
      )
      await writeFile(file, runnable + stop)
      await t.resolves(import(pathToFileURL(file).href))
    }
  })
