import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'

interface Import {
  readonly target: string
  /** Whether nothing of it is left when the code runs. */
  readonly isType: boolean
}

/**
 * The folders that the code of each folder of lib may import from, besides itself. Types may come
 * from any folder, because they cost nothing when the code runs.
 */
const folders: Readonly<Record<string, readonly string[]>> = {
  options: [],
  keys: ['errors'],
  tokens: ['keys'],
  transport: ['device-binding', 'tokens', 'options'],
  'device-binding': ['keys'],
  errors: ['options'],
  stores: ['errors', 'options'],
  session: ['device-binding', 'transport', 'tokens', 'keys', 'errors', 'options'],
  supertokens: ['errors'],
  verifier: [
    'session',
    'stores',
    'device-binding',
    'transport',
    'tokens',
    'keys',
    'errors',
    'options',
    'startup-warnings.ts'
  ],
  testing: ['options'],
  opentelemetry: ['options']
}
/** What any folder may import. */
const SHARED = 'lib/awaitable.ts'

async function filesIn(...roots: readonly string[]): Promise<string[]> {
  const listed = await Promise.all(
    roots.map(async (root) =>
      (await readdir(root, { recursive: true })).map((name) => join(root, name))
    )
  )
  return listed.flat().filter((name) => name.endsWith('.ts'))
}

/** The relative imports and re-exports of a file, as paths from the root of the repository. */
async function importsOf(file: string): Promise<Import[]> {
  const text = await readFile(file, 'utf8')
  const statements = text.matchAll(/(?:im|ex)port( type)?\b[^'"`;]*?['"](\.[^'"]+)['"]/g)
  return [...statements].map(([, type, target]) => ({
    target: join(dirname(file), String(target)),
    isType: type !== undefined
  }))
}

const folderOf = (file: string) => file.split('/').at(1) ?? ''

test('folders of lib import each other in one direction', async (t) => {
  const wrong: string[] = []
  for (const file of await filesIn('lib')) {
    const allowed = folders[folderOf(file)]
    if (allowed === undefined) continue
    for (const { target, isType } of await importsOf(file)) {
      const folder = folderOf(target)
      if (isType || target === SHARED || folder === folderOf(file)) continue
      if (!allowed.includes(folder)) wrong.push(`${file} -> ${target}`)
    }
  }
  t.same(wrong, [])
})

test('every folder of lib has its rule, and no rule lacks its folder', async (t) => {
  const found = (await readdir('lib', { withFileTypes: true })).filter((e) => e.isDirectory())
  t.same(found.map(({ name }) => name).sort(), Object.keys(folders).sort())
})

test('docs/architecture.md names what each folder may import', async (t) => {
  const page = await readFile('docs/architecture.md', 'utf8')
  const rows = [...page.matchAll(/^\| `([\w-]+)\/` \| .* \| (.*) \|$/gm)]
  const named: Record<string, string[]> = {}
  for (const [, folder = '', cell = ''] of rows) {
    const above = cell.startsWith('all of the above') ? Object.keys(named) : []
    named[folder] = [...above, ...[...cell.matchAll(/`(.*?)`/g)].map(([, name]) => String(name))]
  }
  const sorted = (rule: typeof folders) =>
    Object.fromEntries(Object.entries(rule).map(([folder, names]) => [folder, names.toSorted()]))
  t.same(sorted(named), sorted(folders))
})

test('lib imports from lib alone, and tests import nothing from bench', async (t) => {
  const leave = async (root: string, isAllowed: (target: string) => boolean) => {
    const found = []
    for (const file of await filesIn(root))
      for (const { target } of await importsOf(file))
        if (!isAllowed(target)) found.push(`${file} -> ${target}`)
    return found
  }
  t.same(await leave('lib', (target) => target.startsWith('lib/')), [])
  t.same(await leave('test', (target) => !target.startsWith('bench/')), [])
})

test('no file of lib is part of an import cycle, imports of types included', async (t) => {
  const files = await filesIn('lib')
  const graph = new Map<string, string[]>()
  for (const file of files)
    graph.set(
      file,
      (await importsOf(file)).map(({ target }) => target)
    )
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) t.fail([...path.slice(path.indexOf(file)), file].join(' -> '))
    else if (!done.has(file)) {
      for (const target of graph.get(file) ?? [])
        if (graph.has(target)) visit(target, [...path, file])
      done.add(file)
    }
  }
  for (const file of files) visit(file, [])
  t.equal(done.size, files.length)
})

test('the picture names files and folders that are there', async (t) => {
  const picture = await readFile('docs/images/architecture.svg', 'utf8')
  const named = [...picture.matchAll(/class="name"[^>]*>([^<]+)</g)].map(([, name]) => String(name))
  const files = await filesIn('lib')
  t.ok(named.length > 20)
  const isThere = (name: string) => files.some((file) => `/${file}`.includes(`/${name}`))
  t.same(
    named.filter((name) => !isThere(name)),
    []
  )
})

/** The longest that the path of a request may be, in files. */
const longest = { verify: 9, refresh: 21, exception: 8 } as const

test('the paths of a request are short, and docs/architecture.md lists their files', async (t) => {
  const script = fileURLToPath(new URL('./builders/executed-files.js', import.meta.url))
  const { NODE_V8_COVERAGE: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env })
  const executed: Record<string, string[]> = JSON.parse(stdout)
  const page = await readFile('docs/architecture.md', 'utf8')
  for (const [name, limit] of Object.entries(longest)) {
    const [, section = ''] = page.split(`<!-- path of ${name} -->`)
    const [table = ''] = section.split('<!-- end -->')
    const listed = [...table.matchAll(/^\| `(lib\/[^`]+)`/gm)].map(([, file]) => String(file))
    t.same(listed.toSorted(), executed[name], name)
    t.ok(listed.length <= limit, `${name}: ${listed.length} files, at most ${limit}`)
  }
})
