import { Writable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import errors, { type ErrorsOptions } from '../../lib/errors/index.ts'

/** A line of the app's log, parsed. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

export interface ErrorApp {
  readonly app: FastifyInstance
  /** What the app has logged about errors; Fastify's lines about every request are left out. */
  readonly lines: LogLine[]
}

const routine = new Set(['incoming request', 'request completed'])

/** An app with the errors plugin and a log to look into, closed when the test ends. */
export async function errorApp(
  t: Test,
  options: ErrorsOptions = {},
  server: FastifyServerOptions = {}
): Promise<ErrorApp> {
  const lines: LogLine[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      const line = JSON.parse(String(chunk))
      if (!routine.has(line.msg)) lines.push(line)
      done()
    }
  })
  const app = Fastify({ logger: { level: 'trace', stream }, ...server })
  t.teardown(() => app.close())
  await app.register(errors, options)
  return { app, lines }
}

/** A route that throws what it is given. */
export function throwing(app: FastifyInstance, url: string, thrown: unknown): void {
  app.get(url, async () => {
    throw thrown
  })
}
