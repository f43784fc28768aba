import type { LoadTarget } from '../load.ts'
import { mint } from '../mint.ts'
import { headerRequest, writeRequests } from '../requests.ts'
import { measureRounds, median, type RoundOptions, ratioOf } from '../rounds.ts'
import { type Server, startServer } from '../start-server.ts'
import { aim } from '../verify/group.ts'
import type { Panel, Point } from './points.ts'

export interface MeasuredPoint extends Point {
  /** Processor time of a route without any check, of that of this one, on the same requests. */
  readonly ratio: number
  readonly perSecond: number
  /** The same ratio of @fastify/jwt with its cache, on the same tokens; `null` where it was not asked. */
  readonly peer: number | null
}

export interface MeasuredPanel extends Panel {
  readonly points: readonly MeasuredPoint[]
}

/** Measures a point next to the route without any check. */
export async function measurePoint(
  point: Point,
  hasPeer: boolean,
  folder: string,
  options: RoundOptions
): Promise<MeasuredPoint> {
  const { sessions, keys, jwks } = await mint(point.mint)
  const requests = writeRequests(folder, 'growth', sessions.map(headerRequest))
  const servers: Server[] = []
  const start = async (name: string, order: object, status = 200): Promise<LoadTarget> => {
    const server = await startServer(name, order)
    servers.push(server)
    return aim(server, requests, status)
  }
  try {
    const bare = await start('bare', { userId: sessions[0]?.userId })
    const order = { keys, validators: point.mint.claims, ...point.order }
    const ours = await start('ours', order, point.order?.route === 'failing' ? 404 : 200)
    const tokens = sessions.map(({ accessToken }) => accessToken)
    const peer = hasPeer
      ? await start('peers/jwt', { algorithm: 'RS256', cache: true, jwks, tokens })
      : null
    const samples = await measureRounds([bare, ours, ...(peer === null ? [] : [peer])], options)
    const of = (target: LoadTarget) => samples.get(target) ?? []
    return {
      ...point,
      ratio: ratioOf(of(ours), of(bare)).processor,
      perSecond: median(of(ours).map((sample) => sample.perSecond)),
      peer: peer === null ? null : ratioOf(of(peer), of(bare)).processor
    }
  } finally {
    for (const server of servers) server.stop()
  }
}
