import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { test } from 'tap'

/**
 * What the code of each room of the house may import, besides itself. Types may come from anywhere.
 *
 * index -> plugin -> routes, session -> tokens -> keys; transport, stores, options and errors stand
 * beside that line.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  keys: [],
  options: [],
  errors: ['options'],
  stores: ['options', 'errors'],
  tokens: ['keys'],
  transport: ['tokens', 'options'],
  session: ['tokens', 'keys', 'errors', 'options'],
  routes: [],
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

const roomOf = (file: string) => file.split('/')[0] ?? ''

test('imports point down only, and session and transport never meet', async (t) => {
  for (const file of await sources()) {
    const allowed = rooms[roomOf(file)]
    if (allowed === undefined) continue
    for (const target of await importsOf(file)) {
      const room = roomOf(target)
      if (room === '..' || room === roomOf(file)) continue
      t.ok(allowed.includes(room), `${file} imports ${target}`)
    }
  }
})

test('every folder of lib is a room with rules', async (t) => {
  const folders = (await readdir('lib', { withFileTypes: true })).filter((e) => e.isDirectory())
  t.same(folders.map(({ name }) => name).sort(), Object.keys(rooms).sort())
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
