import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'

const START = fileURLToPath(new URL('../../examples/demo/start.js', import.meta.url))

/** What `npm run demo` runs once everything is compiled. */
function start(t: Test, port: number): ChildProcess {
  const child = spawn(process.execPath, [START], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function firstLine(stream: ChildProcess['stdout']): Promise<string> {
  if (stream === null) throw new Error('The output is not piped')
  for await (const line of createInterface({ input: stream })) return line
  throw new Error('The process said nothing')
}

test('the demo starts, says where it is, answers, and stops when it is told to', async (t) => {
  const child = start(t, 0)
  const line = await firstLine(child.stdout)
  t.match(line, /^The demo is at http:\/\/localhost:\d+$/)
  const reply = await fetch(line.replace('The demo is at ', ''))
  t.equal(reply.status, 200)
  t.match(await reply.text(), /<title>fastify-supersession/)

  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
})

test('a port that is taken is named, and the process fails', async (t) => {
  const other = createServer().listen(0, 'localhost')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const child = start(t, port)
  const exit = once(child, 'exit')
  t.match(await firstLine(child.stderr), `The demo cannot listen on port ${port}`)
  const [code] = await exit
  t.equal(code, 1)
})
