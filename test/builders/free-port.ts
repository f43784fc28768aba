import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below the ports that systems give to connections, and to servers that ask for any. */
const [FIRST, LAST] = [15_000, 30_000]
const anyPort = () => randomInt(FIRST, LAST)

/**
 * For a server that has to know its port before it listens, since it is a part of its origin. It is
 * chosen at random, so that hardly anybody else takes it before the server does.
 */
export async function freePort(choose: () => number = anyPort): Promise<number> {
  const port = choose()
  return (await isFree(port)) ? port : freePort(choose)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
