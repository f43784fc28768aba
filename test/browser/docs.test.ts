import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { launchChromium } from './chromium.ts'

const SITE = '.site'
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json'
}

/** Serves the site as any static host does: `/errors` is `errors.html`. */
async function serve(t: Test): Promise<string> {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(String(request.url), 'http://localhost')
    const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname
    const file = join(SITE, extname(path) === '' ? `${path}.html` : path)
    try {
      const content = await readFile(file)
      response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
      response.end(content)
    } catch {
      response.statusCode = 404
      response.end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const { browser, skip } = await launchChromium(t)

void t.test(
  'the site is built, no link leads nowhere, and each page is fit for phones',
  { skip },
  async (t) => {
    // A link that leads nowhere fails the build.
    await promisify(execFile)('npm', ['run', 'docs:build'])
    const origin = await serve(t)
    const pages = (await readdir(SITE, { recursive: true }))
      .filter((name) => name.endsWith('.html') && name !== '404.html')
      .map((name) => `/${relative('.', name).replace(/(?:index)?\.html$/, '')}`)
    t.ok(pages.length >= 10, pages.join(' '))
    const context = await browser?.newContext({ reducedMotion: 'reduce' })
    const page = await context?.newPage()
    if (page === undefined) throw new Error('there is no browser')
    const problems: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    page.on('response', (response) => {
      if (!response.ok()) problems.push(`${response.status()} ${response.url()}`)
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('request', (request) => {
      const url = request.url()
      if (!url.startsWith(origin) && !url.startsWith('data:')) problems.push(`loads ${url}`)
    })
    for (const path of pages) {
      await page.goto(origin + path, { waitUntil: 'load' })
      for (const colorScheme of ['light', 'dark'] as const)
        for (const width of [390, 1280]) {
          await page.emulateMedia({ colorScheme })
          await page.setViewportSize({ width, height: 900 })
          const found: { wide: boolean; silent: number; titles: number; anchors: string[] } =
            await page.evaluate(`({
            wide: document.documentElement.scrollWidth > window.innerWidth,
            silent: document.querySelectorAll('img:not([alt]), img[alt=""]').length,
            titles: document.querySelectorAll('h1').length,
            anchors: [...document.querySelectorAll('a[href^="#"]')]
              .map(({ hash }) => decodeURIComponent(hash.slice(1)))
              .filter((id) => id !== '' && document.getElementById(id) === null)
          })`)
          const where = `${path}, ${colorScheme}, ${width}`
          t.same(found, { wide: false, silent: 0, titles: 1, anchors: [] }, where)
        }
    }
    t.same(problems, [])
  }
)
