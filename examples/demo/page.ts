import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'
import { build } from 'esbuild'
import type { FastifyInstance } from 'fastify'

const require = createRequire(import.meta.url)
/** These files are not compiled. They are found through the package, from wherever this file runs. */
const PUBLIC = join(require.resolve('fastify-supersession/package.json'), '../examples/demo/public')

/** By file name extension. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml'
}

/** Everything is loaded from this server, and inline scripts do not run. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The page, its files, and the front-end SDK. */
export async function registerPage(app: FastifyInstance): Promise<void> {
  for (const name of await readdir(PUBLIC)) {
    const content = await readFile(join(PUBLIC, name))
    serve(app, name === 'index.html' ? '/' : `/${name}`, { name, content })
  }
  serve(app, '/supertokens.js', { name: 'supertokens.js', content: await bundleSdk() })
}

function serve(
  app: FastifyInstance,
  url: string,
  { name, content }: { name: string; content: Buffer | string }
): void {
  app.get(url, async (_request, reply) => {
    reply.type(String(CONTENT_TYPES[extname(name)]))
    reply.header('cache-control', 'no-cache')
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY)
    return content
  })
}

/** Bundles `supertokens-website` for browsers: the npm package is CommonJS. */
async function bundleSdk(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [require.resolve('supertokens-website/lib/build/bundleEntry.js')],
    bundle: true,
    format: 'iife',
    globalName: 'supertokens',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    write: false
  })
  return outputFiles.map(({ text }) => text).join('\n')
}
