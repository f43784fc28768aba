import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'tap'
import { freePort } from './free-port.ts'

test('a port that somebody listens on is passed over', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: taken } = server.address() as AddressInfo
  const free = await freePort()
  const ports = [taken, free]
  t.equal(await freePort(() => Number(ports.shift())), free)
  t.not(free, taken)
  await once(server.close(), 'close')
})
