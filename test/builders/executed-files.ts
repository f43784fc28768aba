import { Session } from 'node:inspector/promises'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import errors, { HTTPException } from '../../lib/errors/index.ts'
import supersession from '../../lib/index.ts'
import { addRoutes, FAST_KEYS } from './app.ts'
import { Client } from './client.ts'

/* c8 ignore start: it counts calls itself, and nothing else may count beside it */
// Prints the files of lib whose functions run during one request, for three requests, as JSON. V8
// counts the calls. The path of a request ends where the store begins, which the app chooses. This is a process of its own because V8 counts for a whole process, and the
// coverage of the tests counts as well.

const root = fileURLToPath(new URL('../../', import.meta.url))
const STORE = 'lib/stores/memory.ts'
const inspector = new Session()
inspector.connect()
await inspector.post('Profiler.enable')
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

/** Files as they are named in the repository. */
async function executedBy(send: () => Promise<unknown>): Promise<string[]> {
  // Each call takes what was counted since the one before.
  await inspector.post('Profiler.takePreciseCoverage')
  await send()
  const { result } = await inspector.post('Profiler.takePreciseCoverage')
  return result
    .filter(({ functions }) => functions.some(({ ranges }) => Number(ranges[0]?.count) > 0))
    .filter(({ url }) => url.startsWith('file:'))
    .map(({ url }) => relative(root, fileURLToPath(url)).replace(/\.js$/, '.ts'))
    .filter((file) => file.startsWith('lib/') && file !== STORE)
    .sort()
}

const withSessions = Fastify()
await withSessions.register(supersession, FAST_KEYS)
addRoutes(withSessions)
const [reader, refresher] = [new Client(withSessions, 'header'), new Client(withSessions, 'header')]
for (const client of [reader, refresher]) await client.login()

const withErrors = Fastify()
await withErrors.register(errors)
withErrors.get('/missing', async () => {
  throw new HTTPException(404)
})

const requests = {
  verify: () => reader.get('/me'),
  refresh: () => refresher.refresh(),
  exception: () => withErrors.inject('/missing')
}
// The first request of an app also does what is done only once.
for (const send of Object.values(requests)) await send()
const paths: Record<string, string[]> = {}
for (const [name, send] of Object.entries(requests)) paths[name] = await executedBy(send)
console.log(JSON.stringify(paths))

await withSessions.close()
await withErrors.close()
/* c8 ignore stop */
