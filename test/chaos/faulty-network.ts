/* c8 ignore start: which connections it disturbs is random */
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

export interface NetworkFaults {
  /** One of this many pieces of data is cut in the middle, and its connection ends there. */
  readonly cutOneOf: number
  /** One of this many answers is delayed, and all that come after it. */
  readonly delayOneOf: number
  readonly maxDelayMs: number
}

/** A proxy before a server that breaks connections in the middle of data, and delays answers. */
export class FaultyNetwork {
  /** Where clients connect to. */
  readonly socket: string
  cuts = 0
  delays = 0
  readonly #folder: string
  readonly #server: Server
  readonly #random: () => number
  readonly #faults: NetworkFaults
  readonly #connections = new Set<Socket>()

  private constructor(folder: string, to: string, random: () => number, faults: NetworkFaults) {
    this.#folder = folder
    this.socket = join(folder, basename(to))
    this.#random = random
    this.#faults = faults
    this.#server = createServer((client) => this.#connect(client, createConnection(to)))
  }

  static async open(
    to: string,
    { random, faults }: { random: () => number; faults: NetworkFaults }
  ): Promise<FaultyNetwork> {
    const folder = await mkdtemp(join(tmpdir(), 'network-'))
    const network = new FaultyNetwork(folder, to, random, faults)
    await new Promise<void>((resolve) => network.#server.listen(network.socket, resolve))
    return network
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const connection of this.#connections) connection.destroy()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #connect(client: Socket, server: Socket): void {
    for (const socket of [client, server]) {
      this.#connections.add(socket)
      // A connection that ends on one side is destroyed on the other.
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#connections.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.on('data', (command: Buffer) => this.#pass(command, server))
    server.on('data', (answer: Buffer) => {
      this.#pass(answer, client)
      if (this.#random() * this.#faults.delayOneOf < 1) this.#holdUp(server)
    })
  }

  #pass(data: Buffer, to: Socket): void {
    if (this.#random() * this.#faults.cutOneOf >= 1) {
      to.write(data)
      return
    }
    this.cuts++
    to.write(data.subarray(0, data.length / 2), () => to.destroy())
  }

  /** Holds back everything that the server sends, for a while. */
  #holdUp(server: Socket): void {
    this.delays++
    server.pause()
    const timer = setTimeout(() => server.resume(), this.#random() * this.#faults.maxDelayMs)
    server.on('close', () => clearTimeout(timer))
  }
}
/* c8 ignore stop */
