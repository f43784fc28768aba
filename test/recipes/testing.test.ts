import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { checkPageCode } from '../builders/page-code.ts'

test('the page shows the examples', async (t) => {
  await checkPageCode(t, 'docs/recipes/testing.md')
})

test('the tests of the page pass with the runner of Node', async (t) => {
  // Not as part of a run of its own: Node would print its report for the outer one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--test', '--test-reporter=tap', '.build/examples/recipes/testing-node.js'],
    { env }
  )
  t.match(stdout, /# pass 3\n# fail 0/)
})

test('the tests of the page pass with tap', async (t) => {
  await import('../../examples/recipes/testing-tap.ts')
  t.pass('its tests are part of this run')
})
