import type { LoadTarget } from '../load.ts'
import type { Minted } from '../mint.ts'
import type { Requests } from '../requests.ts'
import type { Server } from '../start-server.ts'

/** One way of answering a request, and what it is compared with. */
export interface Case {
  readonly name: string
  readonly kind: 'ours' | 'floor' | 'peer'
  readonly target: LoadTarget
  /** The route without any check, on the very same requests. */
  readonly bare: LoadTarget
  /** A check that only looks the token up, on the very same requests. */
  readonly floor?: LoadTarget
  /** What else the goals speak of. */
  readonly other?: LoadTarget
  readonly goals?: Goals
}

/** How many requests a case ought to serve for each of the other's: at least. */
export interface Goals {
  readonly bare?: number
  readonly floor?: number
  readonly other?: number
}

/** Cases that are measured side by side. */
export interface Group {
  readonly title: string
  /** What {@link Case.other} is, in words. */
  readonly otherName?: string
  /** Over how many sessions the requests go, in turn. */
  readonly sessions: readonly number[]
  /** The cases, in the same order for every number of sessions. */
  cases(sessions: number): readonly Case[]
}

export interface GroupContext {
  readonly minted: Minted
  /** For requests and stores. */
  readonly folder: string
  start(name: string, order: object): Promise<Server>
}

export function aim({ port, processorTime }: Server, requests: Requests, status = 200): LoadTarget {
  return { port, processorTime, requests, status }
}
