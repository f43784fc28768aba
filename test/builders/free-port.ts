import { type AddressInfo, createServer } from 'node:net'

/** For a server that has to know its port before it listens, since it is a part of its origin. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
