import { readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'

/** Where the figures were measured. */
export function machine(): string {
  const [cpu] = cpus()
  return `Node ${process.version}, ${cpus().length} × ${cpu?.model.trim()}`
}

/** Prints a section, and with `--write` puts it between its marks in `bench/README.md`. */
export async function report(section: string, text: string): Promise<void> {
  process.stdout.write(`${text}\n`)
  if (!process.argv.includes('--write')) return
  const file = 'bench/README.md'
  const [begin, end] = [`<!-- ${section} -->`, `<!-- /${section} -->`]
  const [before, rest = ''] = (await readFile(file, 'utf8')).split(begin)
  const [, after = ''] = rest.split(end)
  await writeFile(file, `${before}${begin}\n${text}\n${end}${after}`)
}
