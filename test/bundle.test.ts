import { execFile } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { test } from 'tap'
import { newFolder } from './builders/folder.ts'

const run = promisify(execFile)

/** An app that answers one request and ends. Packages that are optional are not there. */
const app = `
import Fastify from 'fastify'
import supersession from './lib/index.ts'
import { useSdkErrorHandler } from './lib/supertokens/index.ts'
import verifier from './lib/verifier/index.ts'
async function main() {
  const app = Fastify()
  await app.register(supersession, { signingAlgorithm: 'ES256', debug: 'force' })
  app.post('/login', async (request, reply) => {
    await app.sessions.create(request, reply, { userId: 'ada' })
    return { ok: typeof useSdkErrorHandler, verifier: typeof verifier }
  })
  app.get('/fails', async () => { throw new Error('x') })
  const login = await app.inject({ method: 'POST', url: '/login' })
  const page = await app.inject({ url: '/fails', headers: { accept: 'text/html' } })
  console.log(JSON.stringify([login.json(), 'st-access-token' in login.headers, page.statusCode]))
  await app.close()
}
void main()
`

for (const format of ['esm', 'cjs'] as const) {
  test(`an app bundled by esbuild as ${format} runs, without the optional packages`, async (t) => {
    const folder = join(await newFolder(t), 'apart')
    await mkdir(folder)
    const outfile = join(folder, format === 'esm' ? 'app.mjs' : 'app.cjs')
    const require =
      "import { createRequire } from 'node:module';const require=createRequire(import.meta.url);"
    await build({
      stdin: { contents: app, resolveDir: process.cwd(), loader: 'ts' },
      bundle: true,
      platform: 'node',
      target: 'node20',
      format,
      outfile,
      logLevel: 'silent',
      ...(format === 'esm' && { banner: { js: require } })
    })
    await writeFile(join(folder, 'package.json'), '{}')
    const { stdout } = await run(process.execPath, [outfile], { cwd: folder })
    t.same(JSON.parse(stdout), [{ ok: 'function', verifier: 'function' }, true, 500])
  })
}

test('a bundle that is CommonJS loads the driver of a store', async (t) => {
  const folder = await newFolder(t)
  // Where the driver is found.
  await symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  const outfile = join(folder, 'app.cjs')
  const contents = `
import { lmdbStore } from './lib/stores/lmdb.ts'
const store = lmdbStore({ path: process.argv[2] })
console.log(store.listKeys().length)
void store.close()
`
  await build({
    stdin: { contents, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['lmdb'],
    outfile,
    logLevel: 'silent'
  })
  const { stdout } = await run(process.execPath, [outfile, join(folder, 'sessions')])
  t.equal(stdout, '0\n')
})
