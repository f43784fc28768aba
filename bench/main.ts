// npm run bench: runs all benchmarks one after the other, and writes their tables into README.md.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Each is a file in this folder, with its arguments. */
const questions: readonly (readonly [file: string, ...options: string[]])[] = [
  ['verify'],
  ['check'],
  ['growth'],
  ['error-path', '--memory'],
  ['first-sight'],
  ['refresh'],
  ['memory'],
  ['size']
]

if (!existsSync('bench/node_modules')) {
  const { status } = spawnSync('npm', ['ci', '--prefix', 'bench'], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

for (const [file, ...options] of questions) {
  const path = fileURLToPath(new URL(`./${file}.js`, import.meta.url))
  const flags = ['--expose-gc', '--enable-source-maps', path, '--write', ...options]
  const question = spawn(process.execPath, flags, { stdio: 'inherit' })
  const [code] = await once(question, 'exit')
  if (code !== 0) {
    console.error(`bench/${file}.ts failed`)
    process.exitCode = 1
  }
}
