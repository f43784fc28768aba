import type { Scenario } from './simulation.ts'

const HOUR_MS = 3_600_000
const honest = { network: 'good', clockStepMs: 0, thief: 'none' } as const

/** Nobody steals: whatever is reported is a false alarm. */
export const honestScenarios: readonly Scenario[] = [
  { ...honest, name: 'good network, tabs with a lock', tabs: [1, 4], hasLock: true },
  { ...honest, name: 'good network, tabs without a lock', tabs: [2, 8], hasLock: false },
  {
    ...honest,
    name: 'lossy network, tabs with a lock',
    tabs: [1, 4],
    hasLock: true,
    network: 'lossy'
  },
  {
    ...honest,
    name: 'lossy network, tabs without a lock',
    tabs: [2, 8],
    hasLock: false,
    network: 'lossy'
  },
  {
    ...honest,
    name: 'clock steps, tabs without a lock',
    tabs: [2, 8],
    hasLock: false,
    clockStepMs: 2 * HOUR_MS
  },
  {
    ...honest,
    name: 'messages up to 90 s late, no lock',
    tabs: [2, 8],
    hasLock: false,
    network: 'stalling'
  }
]

/** A thief copies the jar once and lives on it beside the owner. */
export const theftScenarios: readonly Scenario[] = [
  { ...honest, name: 'the thief goes on', tabs: [1, 4], hasLock: true, thief: 'goes on' },
  {
    ...honest,
    name: 'the thief refreshes once',
    tabs: [1, 4],
    hasLock: true,
    thief: 'refreshes once'
  }
]
