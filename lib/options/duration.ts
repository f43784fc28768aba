import type { Check } from './check.ts'
import { OptionsError } from './options-error.ts'

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const PATTERN = /^(\d+(?:\.\d+)?)([smhd])$/

/**
 * Reads a duration: seconds as a number, or a number with a unit, `'15m'`. The bounds are in
 * seconds, inclusive. Answers milliseconds.
 *
 * A bare numeric string is refused: nobody can tell its unit.
 */
export function durationWithin(min: number, max: number): Check<number> {
  const expected = `a duration from ${min} to ${max} seconds, as a number or with a unit, such as '15m'`
  return (value, option) => {
    const seconds = typeof value === 'string' ? secondsOf(value) : value
    if (typeof seconds !== 'number' || !(seconds >= min && seconds <= max))
      throw new OptionsError(option, expected, value)
    return Math.round(seconds * 1000)
  }
}

function secondsOf(text: string): number {
  const [, amount, unit] = PATTERN.exec(text) ?? []
  return Number(amount) * (UNIT_SECONDS[unit ?? ''] ?? Number.NaN)
}
