import type { MintOptions } from '../mint.ts'
import { thousands } from '../svg.ts'

/** One thing that grows, with everything else as small as it usually is. */
export interface Panel {
  readonly title: string
  readonly unit: string
  readonly points: readonly Point[]
}

export interface Point {
  readonly value: number
  readonly mint: MintOptions
  /** How many verified access tokens the plugin remembers. */
  readonly cacheSize?: number
  /** Stands apart from the curve. */
  readonly note?: string
}

const DEFAULT_CACHE_SIZE = 10_000
const FEW = 100

/** What is measured, with at most so many sessions. */
export function panels(maxSessions: number): Panel[] {
  return [
    { title: 'Live sessions', unit: 'in turn', points: sessionPoints(maxSessions) },
    {
      title: 'Payload',
      unit: 'KB of JSON',
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
    }
  ]
}

function sessionPoints(maxSessions: number): Point[] {
  const counts = [1, 10, 100, 1000, 10_000, 100_000].filter((count) => count <= maxSessions)
  const points = counts.map((value) => ({
    value,
    mint: { sessions: value, claims: 0 },
    cacheSize: Math.max(value, DEFAULT_CACHE_SIZE)
  }))
  const last = points.at(-1)
  if (last === undefined || last.value <= DEFAULT_CACHE_SIZE) return points
  const note = `\`accessTokenCacheSize\` left at ${thousands(DEFAULT_CACHE_SIZE)}`
  return [...points, { ...last, cacheSize: DEFAULT_CACHE_SIZE, note }]
}
