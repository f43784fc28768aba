import { type Test, test } from 'tap'
import { type OpenStore, storeContract } from '../../lib/testing/store-contract.ts'

/** Runs the store contract: one test per case, each on a backend of its own. */
export function testStoreContract(
  name: string,
  openBackend: (t: Test) => OpenStore | Promise<OpenStore>,
  skip: string | false = false
): void {
  test(`${name} keeps the contract of stores`, { skip }, async (t) => {
    for (const { name: promise, run } of storeContract)
      await t.test(promise, async (t) => {
        await run(await openBackend(t))
        t.pass('is kept')
      })
  })
}
