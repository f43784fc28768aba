import type { MintOptions } from '../mint.ts'
import type { OursOrder } from '../servers/ours.ts'

/** One thing that grows, with everything else as small as it usually is. */
export interface Panel {
  readonly title: string
  readonly unit: string
  /** Whether a peer is measured as well, to which the same grows. */
  readonly hasPeer?: boolean
  readonly points: readonly Point[]
}

export interface Point {
  readonly value: number
  readonly mint: MintOptions
  /** What the server is told besides its keys and validators. */
  readonly order?: Omit<OursOrder, 'keys'>
  /** Stands apart from the curve. */
  readonly note?: string
}

/** About so many tokens fit into the megabytes that are the default. */
const DEFAULT_CACHE_MB = 32
const DEFAULT_CACHE_TOKENS = 17_000
const FEW = 100

/** What is measured, with at most so many sessions. */
export function panels(maxSessions: number): Panel[] {
  return [
    {
      title: 'Live sessions',
      unit: 'in turn',
      hasPeer: true,
      points: sessionPoints(maxSessions)
    },
    {
      title: 'Payload',
      unit: 'KB of JSON',
      hasPeer: true,
      points: [0.2, 0.5, 1, 2, 4].map((value) => ({
        value,
        mint: { sessions: FEW, claims: 0, payload: { text: 'x'.repeat(value * 1000) } }
      }))
    },
    {
      title: 'Claims',
      unit: 'with a validator each',
      points: [1, 2, 5, 10, 20, 50].map((value) => ({
        value,
        mint: { sessions: FEW, claims: value }
      }))
    },
    {
      title: 'Scopes',
      unit: 'around the route',
      points: [1, 2, 5, 10, 20].map((depth) => few(depth, { depth }))
    },
    {
      title: 'Open sockets',
      unit: 'of sessions',
      points: [1, 100, 1000, 10_000].map((sockets) => few(sockets, { sockets }))
    },
    {
      title: 'Handlers',
      unit: 'of classes, for a thrown 404',
      points: [1, 10, 100, 1000].map((handlers) => few(handlers, { handlers, route: 'failing' }))
    }
  ]
}

function few(value: number, order: Omit<OursOrder, 'keys'>): Point {
  return { value, mint: { sessions: FEW, claims: 0 }, order }
}

function sessionPoints(maxSessions: number): Point[] {
  const counts = [1, 10, 100, 1000, 10_000, 100_000].filter((count) => count <= maxSessions)
  const points = counts.map((value) => ({
    value,
    mint: { sessions: value, claims: 0 },
    order: { cacheMB: Math.max(DEFAULT_CACHE_MB, Math.ceil(value / 250)) }
  }))
  const last = points.at(-1)
  if (last === undefined || last.value <= DEFAULT_CACHE_TOKENS) return points
  const note = `\`accessTokenCacheMB\` left at ${DEFAULT_CACHE_MB}`
  return [...points, { ...last, order: { cacheMB: DEFAULT_CACHE_MB }, note }]
}
