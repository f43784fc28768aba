import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { test } from 'tap'

/**
 * What the code of each folder may import, besides itself and `awaitable.ts`. Types may come from
 * anywhere.
 *
 * plugin -> routes, session -> transport, tokens -> keys; stores, options and errors stand beside
 * that line.
 */
const folders: Readonly<Record<string, readonly string[]>> = {
  keys: [],
  options: [],
  errors: ['options'],
  stores: ['options', 'errors'],
  tokens: ['keys'],
  transport: ['tokens', 'options'],
  session: ['transport', 'tokens', 'keys', 'errors', 'options'],
  supertokens: ['errors'],
  testing: []
}

async function sources(): Promise<string[]> {
  const files = await readdir('lib', { recursive: true })
  return files.filter((name) => name.endsWith('.ts'))
}

async function importsOf(file: string): Promise<string[]> {
  const text = (await readFile(join('lib', file), 'utf8')).replace(
    /(?:im|ex)port type [^']*'[^']*'/g,
    ''
  )
  const targets = [...text.matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, target]) => target)
  return targets.map((target) => relative('lib', join('lib', dirname(file), String(target))))
}

const folderOf = (file: string) => file.split('/')[0] ?? ''

test('imports point down only', async (t) => {
  for (const file of await sources()) {
    const allowed = folders[folderOf(file)]
    if (allowed === undefined) continue
    for (const target of await importsOf(file)) {
      const folder = folderOf(target)
      if (target === 'awaitable.ts' || folder === folderOf(file)) continue
      t.ok(allowed.includes(folder), `${file} imports ${target}`)
    }
  }
})

test('every folder of lib has rules', async (t) => {
  const found = (await readdir('lib', { withFileTypes: true })).filter((e) => e.isDirectory())
  t.same(found.map(({ name }) => name).sort(), Object.keys(folders).sort())
})

test('no module is part of an import cycle', async (t) => {
  const graph = new Map<string, string[]>()
  for (const file of await sources()) {
    const text = await readFile(join('lib', file), 'utf8')
    const runtime = text.replace(/import type [^']*'[^']*'/g, '')
    const targets = [...runtime.matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, target]) =>
      relative('lib', join('lib', dirname(file), String(target)))
    )
    graph.set(file, targets)
  }
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) t.fail(`cycle: ${[...path, file].join(' -> ')}`)
    else if (!done.has(file)) {
      for (const target of graph.get(file) ?? [])
        if (graph.has(target)) visit(target, [...path, file])
      done.add(file)
    }
  }
  for (const file of graph.keys()) visit(file, [])
  t.equal(done.size, graph.size)
})
