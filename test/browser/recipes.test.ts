import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import t from 'tap'
import { buildApp } from '../../examples/recipes/single-page-app.ts'
import { newFolder } from '../builders/folder.ts'
import { launchChromium } from './chromium.ts'

const { browser, skip } = await launchChromium(t)

/** Bundles a front end as Vite and Next do. */
async function bundle(entry: string, outfile: string): Promise<void> {
  await build({ entryPoints: [entry], bundle: true, outfile, format: 'esm', logLevel: 'error' })
}

void t.test(
  'a single-page app refreshes by itself, on a path of its router',
  { skip },
  async (t) => {
    const root = await newFolder(t)
    await bundle('examples/recipes/single-page-app-main.js', join(root, 'main.js'))
    await writeFile(join(root, 'index.html'), '<script type="module" src="/main.js"></script>')
    const app = await buildApp(root)
    t.teardown(() => app.close())
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    const context = await browser?.newContext()
    const page = await context?.newPage()
    await page?.goto(`${origin}/settings`)
    const statuses = await page?.evaluate(async () => {
      const body = JSON.stringify({ userId: 'ada' })
      const headers = { 'content-type': 'application/json' }
      const login = await fetch('/api/login', { method: 'POST', headers, body })
      return [login.status, (await fetch('/api/me')).status]
    })
    t.same(statuses, [200, 200])
    await context?.clearCookies({ name: 'sAccessToken' })
    t.equal(await page?.evaluate(async () => (await fetch('/api/me')).status), 200)
    await context?.close()
  }
)
