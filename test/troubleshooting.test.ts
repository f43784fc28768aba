import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import { SESSION_ERROR_REASONS } from '../lib/errors/session-errors.ts'

test('the page lists each reason of a refusal, and no other, with a remedy', async (t) => {
  const page = await readFile('docs/troubleshooting.md', 'utf8')
  const [, table = ''] = /\| reason \| what happened \|(.*?)\n\n/s.exec(page) ?? []
  const rows = [...table.matchAll(/^\| `([\w-]+)` \| (.+?) \| (.+?) \|$/gm)]
  t.same(
    rows.map(([, reason]) => reason),
    Object.keys(SESSION_ERROR_REASONS)
  )
})
