import { readFile } from 'node:fs/promises'
import { join } from 'node:path/posix'
import type { Test } from 'tap'

/**
 * Checks that a page shows files of the repository as they are, but for where the package is.
 *
 * A block of code that shows a file follows a comment that names it: `<!-- file: examples/a.ts -->`.
 * No block in a language that runs may be without one.
 */
export async function checkPageCode(t: Test, page: string): Promise<void> {
  const text = await readFile(page, 'utf8')
  const shown = [...text.matchAll(/<!-- file: (\S+) -->\n\n```\w+\n(.*?)```/gs)]
  const blocks = [...text.matchAll(/^```(?:ts|tsx|js|jsx|html)\n/gm)]
  t.ok(shown.length > 0, `${page} shows a file`)
  t.equal(blocks.length, shown.length, `${page} says of each block of code which file it shows`)
  for (const [, file = '', code] of shown) t.equal(code, asUsed(await readFile(file, 'utf8')), file)
}

/** The code as an app has it that has installed the package. */
function asUsed(code: string): string {
  return code.replaceAll(/'(?:\.\.\/)+lib\/(.+?)\.ts'/g, (_, path: string) => {
    return `'${join('fastify-supersession', path.replace(/\bindex$/, '')).replace(/\/$/, '')}'`
  })
}
