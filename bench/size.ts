// What does each entry of the package weigh, and what does it cost to load?
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { machine, report } from './report.ts'

const PROCESSES = 21

const { exports, peerDependencies } = JSON.parse(await readFile('package.json', 'utf8'))
const peers = Object.keys(peerDependencies)

/** The file of an entry, as compiled for benchmarks: `./errors` is `.build/lib/errors/index.js`. */
function fileOf(entry: string): string {
  const path = exports[entry].default.replace('./dist/', '../lib/')
  return fileURLToPath(new URL(path, import.meta.url))
}

type Without = { readonly packages: 'external' } | { readonly external: string[] }

/** Bundles an entry and what it needs, but for some packages. @returns Where it is. */
async function bundle(file: string, name: string, without: Without): Promise<string> {
  const outfile = fileURLToPath(new URL(`./size/${name}.mjs`, import.meta.url))
  const banner =
    "import { createRequire } from 'node:module';const require=createRequire(import.meta.url);"
  await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    outfile,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    banner: { js: banner },
    ...without
  })
  return outfile
}

/** Milliseconds of processor time that a new process takes to import something, Fastify loaded. */
async function timeToImport(specifier: string): Promise<number> {
  const code = `
    ${specifier === 'fastify' ? '' : "import 'fastify'"}
    const before = process.cpuUsage()
    await import(${JSON.stringify(specifier)})
    const { user, system } = process.cpuUsage(before)
    console.log((user + system) / 1000)`
  const flags = ['--input-type=module', '--eval', code]
  return Number((await promisify(execFile)(process.execPath, flags)).stdout)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

interface Built {
  readonly entry: string
  readonly file: string
  /** Without any package. */
  readonly own: string
  /** With all but peer dependencies. */
  readonly whole: string
}

const entries: Built[] = []
for (const entry of Object.keys(exports)) {
  if (entry === './package.json') continue
  const file = fileOf(entry)
  const own = await bundle(file, `${entry}/own`, { packages: 'external' })
  const whole = await bundle(file, `${entry}/whole`, { external: peers })
  entries.push({ entry, file, own, whole })
}

const imported = ['fastify', ...entries.flatMap(({ file, whole }) => [file, whole])]
const times = new Map(imported.map((specifier): [string, number[]] => [specifier, []]))
for (let round = 0; round < PROCESSES; round++)
  for (const [specifier, taken] of times) taken.push(await timeToImport(specifier))

const inKB = (code: Uint8Array) => (code.length / 1000).toFixed(1)
const timeOf = (specifier: string) => median(times.get(specifier) ?? []).toFixed(0)

const lines = [
  `Measured on ${machine()}; times are medians of ${PROCESSES} processes, by turns.`,
  '',
  '| entry | own code, KB | with dependencies, KB | the same gzipped, KB | import, ms | import of the bundle, ms |',
  '| --- | --- | --- | --- | --- | --- |'
]
for (const { entry, file, own, whole } of entries) {
  const code = await readFile(whole)
  const sizes = [await readFile(own), code, gzipSync(code)].map(inKB)
  const figures = [...sizes, timeOf(file), timeOf(whole)]
  lines.push(`| \`${entry.replace('.', 'fastify-supersession')}\` | ${figures.join(' | ')} |`)
}
lines.push('', `Fastify itself takes ${timeOf('fastify')} ms to import.`)
await report('size', lines.join('\n'))
