// Runs the compiled tests on several versions of Node, as `npm run test:matrix` does.
// Each version comes from npm's `node-<platform>-<arch>` packages, into `.node`. Arguments are
// passed to tap: `npm run test:matrix -- .build/test/keys/*.test.js --disable-coverage`.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const VERSIONS = ['20', '22', '24']
const TAP = join('node_modules', 'tap', 'dist', 'esm', 'run.mjs')

/** What the `node` package installs for this machine. */
function packageName() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const prefix = platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  return [prefix, platform, process.arch].join('-')
}

/** Installs a version of Node unless it is there, and answers where its binary is. */
function install(version) {
  const folder = join('.node', version)
  const binary = process.platform === 'win32' ? 'node.exe' : 'node'
  const path = join(folder, 'node_modules', packageName(), 'bin', binary)
  if (!existsSync(path)) {
    const wanted = `${packageName()}@${version}`
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, wanted])
  }
  return path
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    stdio: 'inherit',
    shell: process.platform === 'win32'
  })
  if (error) throw error
  return status
}

const failed = []
for (const version of VERSIONS) {
  const node = install(version)
  console.log(`\n== Node ${version}`)
  run(node, ['--version'])
  if (run(node, [TAP, '--reporter=tap', ...process.argv.slice(2)]) !== 0) failed.push(version)
}
if (failed.length > 0) {
  console.error(`The tests fail on Node ${failed.join(', ')}`)
  process.exitCode = 1
}
