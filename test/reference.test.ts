import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import ts from 'typescript-6'

const FOLDER = '.build/reference'

/** What each entry of the package exports, types included, as the compiler sees it. */
async function exportsOfEntries(): Promise<Map<string, string[]>> {
  const { name, exports } = JSON.parse(await readFile('package.json', 'utf8')) as {
    name: string
    exports: Record<string, string | { default: string }>
  }
  const sources = new Map<string, string>()
  for (const [path, target] of Object.entries(exports))
    if (typeof target === 'object')
      sources.set(
        path.replace('.', name),
        target.default.replace('./dist/', 'lib/').replace(/js$/, 'ts')
      )
  const config = ts.getParsedCommandLineOfConfigFile('tsconfig.build.json', undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: () => {}
  })
  const program = ts.createProgram([...sources.values()], config?.options ?? {})
  const checker = program.getTypeChecker()
  const found = new Map<string, string[]>()
  for (const [entry, source] of sources) {
    const file = program.getSourceFile(source)
    const symbol = file && checker.getSymbolAtLocation(file)
    const names = symbol === undefined ? [] : checker.getExportsOfModule(symbol)
    found.set(entry, names.map(({ name }) => name).sort())
  }
  return found
}

test('the reference describes what each entry exports, and nothing else', async (t) => {
  // Fails where an export has no TSDoc, and where a link in one leads nowhere.
  await promisify(execFile)(process.execPath, ['docs/reference.js', FOLDER])
  const entries = await exportsOfEntries()
  for (const [entry, names] of entries) {
    t.ok(names.length > 0, entry)
    const page = await readFile(`${join(FOLDER, entry)}.md`, 'utf8')
    const described = [...page.matchAll(/^### (?:`abstract` )?(\w+)/gm)].map(([, name]) => name)
    t.same(described.sort(), names, entry)
  }
  const pages = (await readdir(FOLDER, { recursive: true })).filter((name) => name.endsWith('.md'))
  t.equal(pages.length, entries.size + 1, 'a page for each entry, and the list of them')
})
