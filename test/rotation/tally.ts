import type { Rule } from './rules.ts'
import { type Scenario, simulate } from './simulation.ts'

/** What many sessions of one scenario came to under one rule. */
export interface Tally {
  readonly rule: string
  readonly scenario: string
  readonly sessions: number
  /** Theft reported although nobody had used a stolen token yet. */
  readonly falseAlarms: number
  /** Sessions in which a thief refreshed, and the owner refreshed later or a report came first. */
  readonly thefts: number
  readonly missed: number
  /** From the thief's first refresh to the report, in minutes, shortest first. */
  readonly minutesToReport: readonly number[]
}

export function tally(rule: Rule, scenario: Scenario, sessions: number, seed: number): Tally {
  let falseAlarms = 0
  let missed = 0
  const minutesToReport: number[] = []
  for (let index = 0; index < sessions; index++) {
    const { reportedAt, stolenAt, ownerWentOn } = simulate(rule, scenario, seed, index)
    if (stolenAt === null) falseAlarms += reportedAt === null ? 0 : 1
    else if (reportedAt !== null) minutesToReport.push((reportedAt - stolenAt) / 60_000)
    else if (ownerWentOn) missed++
  }
  minutesToReport.sort((a, b) => a - b)
  return {
    rule: rule.name,
    scenario: scenario.name,
    sessions,
    falseAlarms,
    thefts: missed + minutesToReport.length,
    missed,
    minutesToReport
  }
}

/** The value below which a share of the numbers lies; they are sorted. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
