import { readFile } from 'node:fs/promises'
import { generator } from './load.ts'
import { machine } from './report.ts'

/** The machine, and the versions of everything that was measured with. */
export async function versions(): Promise<string> {
  const { version } = await readPackage<{ version: string }>('node_modules/fastify/package.json')
  const { dependencies } = await readPackage<{ dependencies: Record<string, string> }>(
    'bench/package.json'
  )
  const peers = Object.entries(dependencies)
    .filter(([name]) => name !== 'autocannon' || generator === name)
    .map((pair) => pair.join(' '))
  return [machine(), `fastify ${version}`, ...peers, `load by ${generator}`].join(', ')
}

async function readPackage<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T
}
