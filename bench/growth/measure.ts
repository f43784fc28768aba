import type { LoadTarget } from '../load.ts'
import { mint } from '../mint.ts'
import { headerRequest, writeRequests } from '../requests.ts'
import { measureRounds, median, type RoundOptions, ratioOf } from '../rounds.ts'
import { type Server, startServer } from '../start-server.ts'
import type { Panel, Point } from './points.ts'

export interface MeasuredPoint extends Point {
  /** Processor time of a route without any check, of that of this one, on the same requests. */
  readonly ratio: number
  readonly perSecond: number
}

export interface MeasuredPanel extends Panel {
  readonly points: readonly MeasuredPoint[]
}

/** Measures a point next to the route without any check. */
export async function measurePoint(
  point: Point,
  folder: string,
  options: RoundOptions
): Promise<MeasuredPoint> {
  const { sessions, keys } = await mint(point.mint)
  const requests = writeRequests(folder, 'growth', sessions.map(headerRequest))
  const servers: Server[] = []
  const start = async (name: string, order: object): Promise<LoadTarget> => {
    const server = await startServer(name, order)
    servers.push(server)
    const { port, processorTime } = server
    return { port, processorTime, requests, status: 200 }
  }
  try {
    const bare = await start('bare', { userId: sessions[0]?.userId })
    const ours = await start('ours', {
      keys,
      validators: point.mint.claims,
      cacheMB: point.cacheMB
    })
    const samples = await measureRounds([bare, ours], options)
    const perSecond = median((samples.get(ours) ?? []).map((sample) => sample.perSecond))
    return { ...point, ratio: ratioOf(samples, ours, bare).processor, perSecond }
  } finally {
    for (const server of servers) server.stop()
  }
}
