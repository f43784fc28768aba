import { readdir } from 'node:fs/promises'
import { test } from 'tap'

test('every module under lib loads, so that none escapes the coverage', async (t) => {
  const lib = new URL('../lib/', import.meta.url)
  const files = (await readdir(lib, { recursive: true })).filter((name) =>
    /(?<!\.d)\.[jt]s$/.test(name)
  )
  t.ok(files.length > 1)
  for (const name of files) t.type(await import(new URL(name, lib).href), 'object', name)
})
